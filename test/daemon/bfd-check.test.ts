/** BFD_CHECK from sessions over veth pairs into a real IPVS table. */
import { beforeAll, describe, expect, it } from 'vitest';
import { runInLab } from '../uml/run-in-uml.ts';
import type { BfdCheckReport } from './bfd-check-program.ts';

const BOOT_AND_RUN_MS = 180_000;
const root = new URL('../..', import.meta.url).pathname;

let report: BfdCheckReport;

beforeAll(async () => {
  const command = [process.execPath, 'test/daemon/bfd-check-program.ts'];
  const run = await runInLab(command, { cwd: root, timeoutMs: BOOT_AND_RUN_MS });
  expect(run.status, run.console).toBe(0);
  report = JSON.parse(run.stdout);
}, BOOT_AND_RUN_MS + 10_000);

describe('BFD_CHECK', () => {
  it('takes a server in when its session comes up, out when it is lost, and in again', () => {
    expect(report.bothUp, report.log).toEqual(['10.3.1.2', '10.3.2.2']);
    expect(report.oneLost, report.log).toEqual(['10.3.1.2']);
    expect(report.returned, report.log).toEqual(['10.3.1.2', '10.3.2.2']);
  });

  it('cuts nobody while the bfd process is killed, replaced, and its sessions come up again', () => {
    expect(report.restarts, report.log).toBe(1);
    expect(report.fewestDuringRestart, report.log).toBe(2);
  });
});
