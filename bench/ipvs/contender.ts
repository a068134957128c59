/** lvsd and keepalived as a user starts them, with what their processes cost. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killAll } from '../failover/director.ts';
import { cpuSecondsOf, familyOf, memoryOf } from '../process-cost.ts';

export type DaemonName = 'lvsd' | 'keepalived';

export interface Cost {
  /** User and system, of all processes since they began. */
  readonly cpuSeconds: number;
  /** Proportional set size of all processes, MiB. */
  readonly memoryMiB: number;
}

const KIB_PER_MIB = 1024;
const TEXT_MAX = 256 * 1024 * 1024;

export class Contender {
  readonly name: DaemonName;
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #socket: string;
  #said = '';

  /** Starts it on this configuration. `checksOnly`: keepalived without its VRRP process. */
  constructor(
    name: DaemonName,
    directory: string,
    { configuration, checksOnly }: { readonly configuration: string; readonly checksOnly: boolean },
  ) {
    this.name = name;
    this.#file = join(directory, `${name}.conf`);
    this.#socket = join(directory, `${name}.sock`);
    writeFileSync(this.#file, configuration);
    const lvsd = ['run', '-f', this.#file, '--socket', this.#socket, '--log-level', 'warn'];
    const pids = ['--pid', '--vrrp_pid', '--checkers_pid'].flatMap((option) => [
      option,
      join(directory, `keepalived${option}`),
    ]);
    const keepalived = ['--dont-fork', '--log-console', '--use-file', this.#file, ...pids];
    if (checksOnly) keepalived.push('--check');
    this.#child = name === 'lvsd' ? spawn('bin/lvsd', lvsd) : spawn('keepalived', keepalived);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-4000);
      });
    }
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get lastWords(): string {
    return this.#said;
  }

  /** Writes the file and says SIGHUP. */
  reload(configuration: string): void {
    writeFileSync(this.#file, configuration);
    this.#child.kill('SIGHUP');
  }

  /** What lvsd's last reconciliation did; undefined when the health process does not answer in time. */
  reconciled(): Reconciled | undefined {
    const words = ['status', '--json', '--socket', this.#socket];
    const text = execFileSync('bin/lvsd', words, { encoding: 'utf8', maxBuffer: TEXT_MAX });
    return findReconciled(JSON.parse(text));
  }

  cost(): Cost {
    const pids = familyOf(this.#child.pid ?? 0);
    return {
      cpuSeconds: pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
      memoryMiB: pids.reduce((sum, pid) => sum + memoryOf(pid), 0) / KIB_PER_MIB,
    };
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }

  /** Ends its processes at once and leaves the table. */
  kill(): void {
    if (!this.hasEnded) killAll(familyOf(this.#child.pid ?? 0));
  }
}

interface Reconciled {
  readonly operations: number;
  readonly driftRepairs: number;
}

/** Wherever the status has the reconciler's snapshot. */
function findReconciled(value: unknown): Reconciled | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('driftRepairs' in value && typeof value.driftRepairs === 'number') {
    const applied = 'lastApplied' in value ? value.lastApplied : undefined;
    const isThere = typeof applied === 'object' && applied !== null && 'operations' in applied;
    const operations = isThere ? Number(applied.operations) : 0;
    return { operations, driftRepairs: value.driftRepairs };
  }
  for (const each of Array.isArray(value) ? [] : Object.values(value)) {
    const found = findReconciled(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
