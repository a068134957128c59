/** The real client and reconciler on a real IPVS kernel, read back with `ipvsadm`. One boot. */
import { beforeAll, describe, expect, test } from 'vitest';
import { findLabKernel, runInLab } from '../uml/run-in-uml.ts';
import { MATRIX, OPTIONS, parseListing, parseSaved } from './kernel-matrix.ts';
import { ERRNO_ROWS, RAW_ROWS } from './lab-errors.ts';
import type { LabReport } from './lab-program.ts';
import { server, service } from './tables.ts';

const BOOT_AND_RUN_MS = 180_000;
const root = new URL('../..', import.meta.url).pathname;

const lab = findLabKernel();
const missing = 'missing' in lab ? ` (skipped: it needs ${lab.missing})` : '';
const isHostKernel = 'kernel' in lab && lab.kernel === 'host';

describe.skipIf(missing !== '')(`in a kernel with IPVS${missing}`, () => {
  let report: LabReport;

  beforeAll(async () => {
    const command = [process.execPath, 'test/ipvs/lab-program.ts'];
    const run = await runInLab(command, { cwd: root, timeoutMs: BOOT_AND_RUN_MS });
    expect(run.status, run.console).toBe(0);
    report = JSON.parse(run.stdout);
  }, BOOT_AND_RUN_MS + 10_000);

  // On a host whose module is loaded already it cannot be missing.
  test.skipIf(isHostKernel)('without the module, open says how to load it', () => {
    expect(report.absent).toMatchObject({ ok: false, code: 'IPVS_ABSENT' });
    expect(JSON.stringify(report.absent)).toContain('modprobe ip_vs');
  });

  test('without the privilege, open says which is missing', () => {
    expect(report.unprivileged).toMatchObject({ ok: false, code: 'NO_PRIVILEGE' });
    expect(JSON.stringify(report.unprivileged)).toContain('CAP_NET_ADMIN');
  });

  test('the information has the version that ipvsadm prints', () => {
    const { info, matrix } = report;
    if (!info.ok) throw new Error(info.detail);
    const size = `version ${info.version} (size=${info.connectionTableSize})`;
    expect(matrix.before).toContain(size);
  });

  describe('a service', () => {
    test.each(MATRIX)('$title is made and changed as ipvsadm shows it', (row) => {
      const [nameBefore = '', ...serversBefore] = row.linesBefore;
      const [nameAfter = '', ...serversAfter] = row.linesAfter;
      expect(parseListing(report.matrix.before).get(nameBefore)).toEqual(serversBefore);
      expect(parseListing(report.matrix.after).get(nameAfter)).toEqual(serversAfter);
      const thresholds = parseListing(report.matrix.thresholds).get(nameAfter);
      expect(thresholds).toEqual(row.thresholdsAfter.slice(1));
    });

    test('is there once for each row, and none after the orderly stop', () => {
      expect(report.matrix).toMatchObject({
        started: true,
        updated: true,
        again: { ok: true, operations: 0 },
        removed: true,
      });
      expect(parseListing(report.matrix.before).size).toBe(MATRIX.length);
      expect(parseListing(report.matrix.after).size).toBe(MATRIX.length);
      expect(parseListing(report.matrix.afterRemoval).size).toBe(0);
    });
  });

  describe('an option', () => {
    test.each(OPTIONS)('$title is made as ipvsadm saves it, also a second time', ({ saved }) => {
      const [name = ''] = saved;
      const found = (text: string) => parseSaved(text).find(([line]) => line === name);
      expect(found(report.options.saved) ?? report.options.saved).toEqual(saved);
      expect(found(report.options.savedAgain) ?? report.options.savedAgain).toEqual(saved);
    });

    test('is read back in full: nothing is left to do, and all of it can be taken back', () => {
      expect(report.options).toMatchObject({
        started: { ok: true },
        again: { ok: true, operations: 0 },
        plain: { ok: true },
        restored: { ok: true },
        removed: true,
      });
    });
  });

  describe('a service made by hand', () => {
    test('and wanted is a refusal that touches nothing', () => {
      const { refused, untouched } = report.foreign;
      const services = ['tcp 10.50.0.1:80'];
      expect(refused).toMatchObject({ ok: false, code: 'FOREIGN_SERVICE', services });
      expect(untouched).toBe(true);
    });

    test('and ours is adopted without an operation', () => {
      const { adopted, untouched } = report.adoption;
      expect(adopted).toEqual({ names: ['tcp 10.50.0.1:80'], ok: true, operations: 0 });
      expect(untouched).toBe(true);
    });

    test('and not ours outlives the orderly stop, firewall marks too', () => {
      expect(report.adoption.removed).toBe(true);
      expect([...parseListing(report.adoption.left)]).toEqual([
        ['TCP 10.50.0.2:80 wlc', ['-> 10.0.0.9:80 Masq 1 0 0']],
        ['FWM 7 rr', ['-> 10.0.0.9:0 Route 1 0 0']],
      ]);
    });
  });

  describe('drift', () => {
    test.each([
      ['cleared', 3],
      ['deleted', 1],
      ['edited', 1],
      ['added', 1],
      ['rescheduled', 1],
    ] as const)('by hand (%s) is repaired with %i operations', (change, operations) => {
      const repaired = { isChanged: true, ok: true, operations, isWanted: true };
      expect(report.drift[change]).toEqual(repaired);
    });

    test('is logged with what was found', () => {
      expect(report.drift.driftRepairs).toBe(7);
      expect(report.drift.lines).toContain(
        'warn change 10.0.0.1:80 of tcp 10.50.0.1:80: changed by somebody else, ' +
          'found: weight 9 -> 1, forwarding masq -> droute',
      );
    });
  });

  test('a dump has every field', () => {
    const tunnel = server('2001:db8::1', 80, {
      forwardingMethod: 'tunnel',
      weight: 3,
      upperThreshold: 100,
      lowerThreshold: 50,
    });
    const persistent = { flags: 1, timeoutS: 120, netmask: 0xffffff00 };
    const counters = { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 };
    const status = {
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      counters,
    };
    expect(report.counted).toEqual({
      services: [service('10.50.0.1', 80, [tunnel], persistent)],
      status: [[status]],
    });
  });

  describe('an errno of the kernel', () => {
    test.each(ERRNO_ROWS.map((row, index) => ({ ...row, index })))(
      '$code for $title is told by its name and in words',
      ({ code, index }) => {
        const met = report.errors.codes[index];
        expect(met?.code).toBe(code);
        expect(met?.detail).toMatch(/^[A-Z].*\w/);
      },
    );

    test.each(RAW_ROWS.map((row, index) => ({ ...row, index })))(
      '$code for $title has its name',
      ({ code, index }) => expect(report.errors.raw[index]).toBe(code),
    );

    test('of the sync daemon has its name', () => {
      expect(report.errors.daemon).toEqual(['EEXIST', 'ESRCH', 'ENODEV']);
    });

    test('changes nothing', () => {
      expect(report.errors.made).toBe(true);
      expect([...parseListing(report.errors.listing)]).toEqual([
        ['TCP 10.50.0.1:80 rr', ['-> 10.0.0.1:80 Route 1 0 0']],
      ]);
    });

    test.each(['ENOENT', 'EINVAL', 'ERANGE'] as const)(
      '%s that stays is told once, tried ever more rarely, and holds up nothing else',
      (code) => {
        expect(report.lived.refused[code]).toEqual({
          errors: 3,
          lastCode: code,
          told: 1,
          pausesS: [1, 2],
          restDone: true,
          healed: true,
        });
      },
    );

    test.each(['EEXIST', 'ESRCH', 'ENOENT', 'ENOBUFS'] as const)(
      '%s because somebody was quicker is no error: it is read again and done in the same turn',
      (code) => {
        const { met, errors, isRight } = report.lived.overtaken[code];
        expect({ errors, isRight }).toEqual({ errors: 0, isRight: true });
        // Of refusals that did not all fit, those that did are told as what they are.
        expect(met).toContain(code);
        expect(met.filter((one) => one !== code && one !== 'EEXIST')).toEqual([]);
      },
    );

    test('EMSGSIZE for a batch that the socket cannot send is over when it can', () => {
      const lived = { errors: 3, lastCode: 'EMSGSIZE', told: 1, pausesS: [1, 2], healed: true };
      expect(report.lived.tooLong).toMatchObject(lived);
    });

    test('EPERM of a process that lost its privilege names the privilege, once', () => {
      expect(report.lived.EPERM).toMatchObject({ errors: 3, told: 1 });
      expect(report.lived.EPERM.code).toMatch(/^(EPERM|NO_PRIVILEGE)$/);
      expect(report.lived.EPERM.detail).toContain('CAP_NET_ADMIN');
    });
  });

  test('the text of the table names every service, and of two texts those that differ', () => {
    const { wanted, named, again, changed } = report.listing;
    expect(named).toEqual(expect.arrayContaining([...wanted]));
    expect(again).toEqual([]);
    expect(changed).toEqual(['fwmark 7', 'fwmark 7 inet6', 'udp [2001:db8:50::1]:1200']);
  });

  describe('what holds for all services', () => {
    test('are the timeouts: those that are named change, the others stay', () => {
      expect(report.settings.timeouts).toBe('Timeout (tcp tcpfin udp): 100 120 33');
      expect(report.settings.readBack).toEqual({ ok: true, tcpS: 100, tcpFinS: 120, udpS: 33 });
    });

    test('are the sysctls', () => {
      expect(report.settings.sysctls).toEqual(['1', '1', '2']);
    });

    test('is the sync daemon, on the side that the instance is on', () => {
      const daemon = { interface: 'sync0', syncId: 7 };
      expect(report.settings.beforeRole).toEqual([]);
      expect(report.settings.afterRole).toContain('master sync daemon (mcast=sync0, syncid=7');
      expect(report.settings.master).toMatchObject([{ ...daemon, role: 'master' }]);
      expect(report.settings.backup).toMatchObject([{ ...daemon, role: 'backup' }]);
    });

    test('are both sides without an instance, untouched while they are right', () => {
      expect(report.settings.both).toMatchObject([{ role: 'master' }, { role: 'backup' }]);
      expect(report.settings.withdrawn).toEqual([]);
    });

    test('is told when the kernel refuses it', () => {
      const errors = report.settings.refused.filter((line) => line.startsWith('error'));
      const absent = 'error sync daemon: no such device (ENODEV)';
      expect(errors).toEqual([absent, absent]);
    });

    test('is that a flush leaves nothing', () => {
      expect(report.settings.flushed).toBe(true);
    });
  });

  test('an error in the middle of several batches stops nothing after it', () => {
    expect(report.batch).toEqual({ outcomes: 2502, refused: ['1500 EEXIST'], servers: 2500 });
  });
});
