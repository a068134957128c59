/** One turn of one contender, in a network namespace of its own: prints what it took as JSON. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { delayWhileRepairing } from './in-process.ts';
import { KernelTable } from './kernel-table.ts';
import { type LargeOptions, measureLarge } from './large.ts';
import { daemonTimes, reconcilerTimes, restoreTimes } from './load.ts';
import { poolsOf, type Size, tableOf, WEIGHT_ONE } from './pools.ts';

export interface TurnInput {
  readonly who: 'reconciler' | 'ipvsadm' | 'lvsd' | 'keepalived' | 'repair';
  readonly size: Size;
  /** Of a daemon: everything about a large table instead of loading it. */
  readonly large?: Omit<LargeOptions, 'directory' | 'size'>;
}

async function take({ who, size, large }: TurnInput, directory: string): Promise<unknown> {
  const kernel = new KernelTable();
  switch (who) {
    case 'reconciler':
      return reconcilerTimes(kernel, directory, size);
    case 'ipvsadm':
      return restoreTimes(kernel, size);
    case 'repair':
      return delayWhileRepairing(kernel, directory, tableOf(poolsOf(size), WEIGHT_ONE));
    case 'lvsd':
    case 'keepalived':
      return large === undefined
        ? daemonTimes(kernel, directory, { name: who, size })
        : measureLarge(kernel, who, { directory, size, ...large });
    default:
      return who satisfies never;
  }
}

// Without it the kernel has no table of local addresses and takes no server (EINVAL).
execFileSync('ip', ['link', 'set', 'lo', 'up']);
const directory = mkdtempSync(join(tmpdir(), 'lvsd-bench-ipvs-'));
try {
  const taken = await take(JSON.parse(process.argv[2] ?? ''), directory);
  process.stdout.write(JSON.stringify(taken));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
// Ends what the client's descriptors would keep waiting.
process.exit();
