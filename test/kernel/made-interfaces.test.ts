/** `use_ipvlan` and `vrf` in a kernel that has them. One boot. */
import { beforeAll, describe, expect, test } from 'vitest';
import { findLabKernel, runInLab } from '../uml/run-in-uml.ts';
import type { MadeReport } from './programs/made-interfaces.ts';

const BOOT_AND_RUN_MS = 180_000;
const root = new URL('../..', import.meta.url).pathname;
const lab = findLabKernel();
const missing = 'missing' in lab ? ` (skipped: it needs ${lab.missing})` : '';

describe.skipIf(missing !== '')(`made in the lab kernel${missing}`, () => {
  let report: MadeReport;

  beforeAll(async () => {
    const command = [process.execPath, 'test/kernel/programs/made-interfaces.ts'];
    const run = await runInLab(command, { cwd: root, timeoutMs: BOOT_AND_RUN_MS });
    expect(run.status, run.console).toBe(0);
    report = JSON.parse(run.stdout);
  }, BOOT_AND_RUN_MS + 10_000);

  test('use_ipvlan: an ipvlan of mode L2 has the address and sends from its own', () => {
    const { link, addresses, advert, ping, remains } = report.ipvlan;
    expect(link).toMatchObject({ kind: 'ipvlan', data: { mode: 'l2' }, hasMacOfParent: true });
    expect(JSON.stringify(link.data)).toContain('private');
    expect(addresses).toEqual(expect.arrayContaining(['10.65.0.50', '10.65.0.100']));
    expect(advert).toContain('10.65.0.50 > 224.0.0.18');
    expect(ping).toContain('1 received');
    expect(remains).toBe(false);
  });

  test('vrf: the macvlan is in it, and its address answers from there', () => {
    const { link, addresses, advert, ping, remains } = report.vrf;
    expect(link).toMatchObject({ kind: 'macvlan', master: 'blue', hasMacOfParent: false });
    expect(addresses).toContain('10.65.0.100');
    expect(advert).toContain('00:00:5e:00:01:41 > 01:00:5e:00:00:12');
    expect(ping).toContain('1 received');
    expect(remains).toBe(false);
  });
});
