/** The IPVS bench runs small here, so that it does not rot; no time is judged. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { findLabKernel } from '../uml/run-in-uml.ts';

const lab = findLabKernel();
const missing = 'missing' in lab ? ` (skipped: it needs ${lab.missing})` : '';

it.skipIf(missing !== '')(
  `the IPVS bench measures everybody, and they do what it says${missing}`,
  () => {
    const args = ['bench/main.ts', 'ipvs', '--quick', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const results = JSON.parse(stdout) as { name: string; ours: number; peer?: number }[];
    const of = (name: string) => results.find((result) => result.name === name);
    for (const name of ['load-300x4', 'change-300x4', 'remove-300x4', 'start-24x300']) {
      expect(of(name), name).toMatchObject({ ours: expect.any(Number), peer: expect.any(Number) });
    }
    expect(of('reload-one-operations-24x300')).toMatchObject({ ours: 1, peer: 1 });
    expect(of('reload-one-changed-24x300')).toMatchObject({ ours: 1, peer: 1 });
    expect(of('drift-clear-24x300-max')?.ours).toBeGreaterThan(0);
  },
  300_000,
);
