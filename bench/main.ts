/**
 * `npm run bench -- [NAME…] [--json] [--quick | --full]`: runs benchmarks against their peers, all without a name.
 * `--json` prints one array of {name, unit, ours, peer, peerName, ratio}; lower is better.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const BENCHES = ['config', 'failover', 'health', 'ipvs'] as const;

const words = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith('--'));
const named = words.filter((word) => !word.startsWith('--'));
const unknown = named.filter((name) => !BENCHES.some((bench) => bench === name));
if (unknown.length > 0) {
  process.stderr.write(
    `Unknown benchmark ${unknown.join(', ')}; there are: ${BENCHES.join(', ')}\n`,
  );
  process.exit(2);
}

const results: unknown[] = [];
const isJson = flags.includes('--json');
for (const name of BENCHES.filter((bench) => named.length === 0 || named.includes(bench))) {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, `${name}.ts`), ...flags],
    { encoding: 'utf8', stdio: ['ignore', isJson ? 'pipe' : 'inherit', 'inherit'] },
  );
  if (status !== 0) process.exit(status ?? 1);
  if (isJson) results.push(...JSON.parse(stdout));
}
if (isJson) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
