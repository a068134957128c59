/** Benchmarks run small here, so that they do not rot; they judge nothing here. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('npm run bench prints one array of measurements', () => {
  const args = ['bench/main.ts', 'config', '--quick', '--json'];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status).toBe(0);
  const [first] = JSON.parse(stdout) as Record<string, unknown>[];
  expect(first).toMatchObject({ unit: 'ms', ours: expect.any(Number), name: expect.any(String) });
});

it('names the benchmarks that there are when asked for another', () => {
  const { status, stderr } = spawnSync(process.execPath, ['bench/main.ts', 'nonsense'], {
    encoding: 'utf8',
  });
  expect(status).toBe(2);
  expect(stderr).toContain('config');
});
