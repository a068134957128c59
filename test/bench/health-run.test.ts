/** The health bench runs small here, so that it does not rot; it judges nothing here. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const TIME_MS = 180_000;

it(
  'measures checks of both, and what never ends',
  () => {
    const args = ['bench/main.ts', 'health', '--quick', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    for (const name of [
      'interval-tcp-20',
      'cpu-per-check-http-20',
      'detection-http-20-median',
      'deadline-overrun-SSL_GET-max',
    ]) {
      expect(names).toContain(name);
    }
  },
  TIME_MS,
);
