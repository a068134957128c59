/** What scripts and files say, from the supervisor through the health process into a real IPVS table. */
import { beforeAll, describe, expect, it } from 'vitest';
import { runInLab } from '../uml/run-in-uml.ts';
import type { WeightReport } from './weights-program.ts';

const BOOT_AND_RUN_MS = 180_000;
const root = new URL('../..', import.meta.url).pathname;

let report: WeightReport;

beforeAll(async () => {
  const command = [process.execPath, 'test/daemon/weights-program.ts'];
  const run = await runInLab(command, { cwd: root, timeoutMs: BOOT_AND_RUN_MS });
  expect(run.status, run.console).toBe(0);
  report = JSON.parse(run.stdout);
}, BOOT_AND_RUN_MS + 10_000);

describe('a MISC_CHECK with misc_dynamic and a FILE_CHECK', () => {
  it.each<[step: string, weights: Readonly<Record<string, number>>]>([
    ['exit status 0, 5 points', { '10.1.1.11': 10, '10.1.1.12': 15 }],
    ['exit status 42, -3 points', { '10.1.1.11': 40, '10.1.1.12': 7 }],
    ['exit status 1, -254 points', {}],
    ['exit status 2, 0 points', { '10.1.1.11': 0, '10.1.1.12': 10 }],
    ['exit status 0, 0 points', { '10.1.1.11': 10, '10.1.1.12': 10 }],
    ['no script, no number', {}],
    ['stopped', {}],
  ])('with %s: %o in the table', (step, weights) => {
    expect(report.steps[step], report.log).toEqual(weights);
  });

  it('runs the script as nobody when no user is named, though the daemon is root', () => {
    expect(report.uid).not.toBe('0');
  });
});
