/**
 * What the IPVS table costs: `node bench/ipvs.ts [--json] [--quick | --full] [--turns=N] [--only=load |
 * --only=large]`, as root, on this kernel where it has IPVS and otherwise in user-mode Linux.
 *
 *   load, change, remove    10,000 servers in one service and in 100 put into an empty table, every weight
 *                           changed, every server removed: lvsd's reconciler with all it verifies, beside
 *                           `ipvsadm -R`, and beside keepalived from its start (SIGHUP, SIGTERM) on
 *   start, reload-all, stop the same of both daemons as a user starts them; CPU and memory when loaded
 *   2284x37298              the largest services that are known: start, standing still, a reload with one
 *                           change, adverts meanwhile; and what was changed by hand, until it is put back
 */
import { runInLab } from '../test/uml/run-in-uml.ts';
import type { Result } from './ipvs/in-kernel.ts';

const TIMEOUT_MS = 30 * 60_000;

const words = process.argv.slice(2);
const isJson = words.includes('--json');
const { status, stdout, console } = await runInLab(
  [process.execPath, 'bench/ipvs/in-kernel.ts', ...words],
  {
    cwd: new URL('..', import.meta.url).pathname,
    timeoutMs: TIMEOUT_MS,
    ...(isJson ? {} : { onConsole: (text: string) => void process.stderr.write(text) }),
  },
);
if (status !== 0) {
  process.stderr.write(`The IPVS bench failed:\n${console}`);
  process.exit(1);
}
if (isJson) process.stdout.write(stdout);
else {
  for (const { name, unit, ours, peer, peerName, ratio } of JSON.parse(stdout) as Result[]) {
    const beside =
      peer === undefined ? 'no peer' : `${peerName}: ${peer}, ratio ${ratio ?? 'none'}`;
    process.stdout.write(`${name}: ${ours} ${unit} (${beside})\n`);
  }
}
