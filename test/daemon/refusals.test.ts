/** Wrong input and a wrong machine: one clear sentence with the fix, an exit status, nothing left behind. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findLabKernel, runInLab } from '../uml/run-in-uml.ts';
import type { RefusalReport } from './refusals-program.ts';

const BOOT_AND_RUN_MS = 180_000;
const root = new URL('../..', import.meta.url).pathname;

let report: RefusalReport;

beforeAll(async () => {
  const command = [process.execPath, 'test/daemon/refusals-program.ts'];
  const run = await runInLab(command, { cwd: root, timeoutMs: BOOT_AND_RUN_MS });
  expect(run.status, run.console).toBe(0);
  report = JSON.parse(run.stdout);
}, BOOT_AND_RUN_MS + 10_000);

/** What is wrong, the exit status, what the sentence says is wrong, and what the fix is. */
const refusals = [
  ['no IPVS in the kernel', 1, /IPVS/, /modprobe ip_vs/],
  ['no privileges', 1, /CAP_NET_ADMIN and CAP_NET_RAW/, /run lvsd as root/],
  ['a file that is not there', 2, /absent\.conf/, /no such file/],
  ['a file that may not be read', 2, /lvs\.conf/, /permission|may not/i],
  ['a directory', 2, /refusals/, /directory/],
  ['a missing brace', 1, /lvs\.conf:\d+:\d+: error LVS\d+/, /\{/],
  ['an unknown interface', 1, /lvs\.conf:\d+: vrrp_instance VI_1 .* eth7/, /it has .*eth0/],
  [
    'a service of somebody else',
    1,
    /tcp 192\.168\.10\.188:80 is already an IPVS service/,
    /ipvsadm -D -t 192\.168\.10\.188:80.*--adopt/,
  ],
] as const;

// A host that has IPVS cannot be without it; there the kernel's answer is not to be had.
const lab = findLabKernel();
const canLackIpvs = 'kernel' in lab && lab.kernel === 'uml';

describe.each(refusals.filter(([name]) => canLackIpvs || name !== 'no IPVS in the kernel'))(
  'lvsd run with %s',
  (name, status, what, fix) => {
    it(`ends with exit status ${status} and says what is wrong and what to do`, () => {
      const refusal = report[name];
      expect(refusal?.stderr).toMatch(what);
      expect(refusal?.stderr).toMatch(fix);
      expect(refusal?.status).toBe(status);
    });

    it('says it in one sentence, with no stack trace', () => {
      const lines = report[name]?.stderr
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('lvsd: '));
      expect(lines).toHaveLength(1);
      expect(report[name]?.stderr).not.toMatch(/^\s+at /m);
    });

    it('leaves nothing behind', () => {
      expect(report[name]?.after).toBe(report[name]?.before);
      expect(report[name]?.processes).toEqual([]);
    });
  },
);
