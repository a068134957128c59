import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { effectiveCapabilities } from '../../src/kernel/capabilities.ts';
import { describeErrno, errnoCode } from '../../src/kernel/errno.ts';
import { SysError } from '../../src/kernel/libc.ts';
import { isSysctlPath, readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts';
import { isRoot, Namespace, Program, ROOT_REASON } from './namespace.ts';

const EPERM_OUTCOME = expect.objectContaining({ ok: false, code: 'EPERM' });

describe('errors of the kernel', () => {
  test('are named and put into words', () => {
    const error = new SysError('setsockopt SO_BINDTODEVICE', 19);
    expect(error).toMatchObject({ code: 'ENODEV', errno: 19 });
    expect(error.message).toBe('setsockopt SO_BINDTODEVICE failed: no such device (ENODEV)');
  });

  test('have the name people expect where two share a number', () => {
    expect([errnoCode(11), errnoCode(95)]).toEqual(['EAGAIN', 'EOPNOTSUPP']);
  });

  test('that nobody has named show their number', () => {
    expect(describeErrno(523)).toBe('ERRNO_523');
  });
});

describe('capabilities', () => {
  test('are the effective ones of the status file', () => {
    const status = 'Name:\tnode\nCapInh:\t0000000000000400\nCapEff:\t0000000000003000\n';
    expect(effectiveCapabilities(status)).toBe((1n << 12n) | (1n << 13n));
  });

  test('of a status file without them are an error', () => {
    expect(() => effectiveCapabilities('Name:\tnode\n')).toThrow('no CapEff line');
  });
});

describe('sysctl paths', () => {
  test.each([
    'net/ipv4/ip_forward',
    'net/ipv4/conf/eth0.100/arp_ignore',
    'net/ipv6/conf/br-lan/mtu',
  ])('%s is one', (path) => expect(isSysctlPath(path)).toBe(true));

  test.each([
    '',
    'net',
    '/net/ipv4/ip_forward',
    'net/../kernel/core_pattern',
    'net/ipv4/./ip_forward',
    'net//ipv4',
    'net/ipv4/',
    'kernel/core_pattern',
    'net/ipv4/ip forward',
    'net/ipv4/ip_forward\n',
    `net/${'a'.repeat(300)}`,
  ])('%j is none, and is neither read nor written', (path) => {
    expect(isSysctlPath(path)).toBe(false);
    expect(readSysctl(path)).toBeUndefined();
    expect(writeSysctl(path, '1')).toMatchObject({ ok: false, code: 'BAD_PATH' });
  });

  test('a value of several lines is refused', () => {
    const outcome = writeSysctl('net/ipv4/conf/lo/arp_ignore', '1\n2');
    expect(outcome).toMatchObject({ ok: false, code: 'BAD_VALUE' });
  });

  test('one that does not exist reads as absent and is not created', () => {
    const path = 'net/ipv4/conf/lvsd-absent/arp_ignore';
    expect(readSysctl(path)).toBeUndefined();
    expect(writeSysctl(path, '1')).toMatchObject({ ok: false, code: 'ENOENT' });
  });
});

describe('a process', () => {
  test('dies with its parent, however that dies', async () => {
    const parent = Program.start('process-traits', { arguments: ['parent'] });
    await parent.next('child');
    // Resolves when both have let go of the pipe: the child would hold it for a minute.
    await parent.kill();
  });

  test('gets real-time scheduling that its children do not inherit, or a reason', async () => {
    const program = Program.start('process-traits', { arguments: ['realtime'] });
    const { outcome, policy, bad } = await program.next('outcome');
    await program.end();
    const refused = [EPERM_OUTCOME, 0];
    expect([[{ ok: true }, 0x40000002], refused]).toContainEqual([outcome, policy]);
    expect(bad).toMatchObject({ ok: false, code: 'BAD_PRIORITY' });
  });
});

/** linux/capability.h: CAP_NET_ADMIN 12, CAP_NET_RAW 13, CAP_SYS_NICE 23. */
const CHILD_MASK = '0000000000803000';
const NO_MASK = '0'.repeat(16);

function privileges(...command: string[]): Record<string, Record<string, string>> {
  const program = fileURLToPath(new URL('programs/privileges.ts', import.meta.url));
  const [file = process.execPath, ...args] = [...command, process.execPath, program];
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8' }));
}

describe.runIf(isRoot)(`privileges (${ROOT_REASON})`, () => {
  test('of a child of a root daemon are three, for good, also in what it starts', () => {
    const { outcome, own, after } = privileges();
    expect(outcome).toEqual({ ok: true });
    const kept = { CapPrm: CHILD_MASK, CapEff: CHILD_MASK, CapBnd: CHILD_MASK, NoNewPrivs: '1' };
    expect(own).toMatchObject({ ...kept, CapInh: NO_MASK, CapAmb: NO_MASK });
    expect(after).toMatchObject(kept);
  });

  test('of a script are none when the daemon is not root, whatever the daemon was given', () => {
    const caps = '+net_admin,+net_raw';
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const command = ['setpriv', ...user, '--inh-caps', caps, '--ambient-caps', caps];
    const { inherited, dropped, restored, outcome, own, after } = privileges(...command);
    const given = '0000000000003000';
    expect(inherited).toMatchObject({ CapEff: given, CapAmb: given });
    expect(dropped).toMatchObject({ CapEff: NO_MASK, CapPrm: NO_MASK, CapAmb: NO_MASK });
    expect(restored).toEqual(inherited);
    expect(outcome).toEqual({ ok: true });
    expect(own).toMatchObject({ CapEff: given, CapAmb: NO_MASK, NoNewPrivs: '1' });
    expect(after).toMatchObject({ CapEff: NO_MASK });
  });
});

describe.runIf(isRoot)(`in a namespace (${ROOT_REASON})`, () => {
  test('a sysctl is written and read back', async () => {
    const namespace = Namespace.create();
    try {
      const path = 'net/ipv4/conf/lo/arp_ignore';
      const program = namespace.start('sysctl', { arguments: [path, '1'] });
      const line = await program.next('before');
      expect(line).toEqual({ before: '0', outcome: { ok: true }, after: '1' });
      await program.end();
    } finally {
      namespace.remove();
    }
  });

  test('without privileges everything that needs them is refused with EPERM', async () => {
    const namespace = Namespace.create();
    try {
      const program = namespace.start('refusals', { isUnprivileged: true });
      const line = await program.next('vrrp');
      expect(line).toEqual({
        capabilities: [false, false],
        vrrp: {
          code: 'EPERM',
          errno: 1,
          message: 'socket VRRP for IPv4 failed: operation not permitted (EPERM)',
        },
        frames: expect.objectContaining({ code: 'EPERM' }),
        address: expect.objectContaining({ ok: false, code: 'EPERM' }),
        realtime: EPERM_OUTCOME,
        sysctl: expect.objectContaining({ ok: false, code: 'EACCES' }),
      });
      await program.end();
    } finally {
      namespace.remove();
    }
  });

  test('every descriptor that was opened is closed again', async () => {
    const namespace = Namespace.create();
    try {
      namespace.ip('link', 'add', 'd0', 'type', 'bridge');
      namespace.ip('link', 'set', 'd0', 'up');
      const program = namespace.start('descriptors', { arguments: ['d0'] });
      const { before, after } = await program.next('after');
      expect(after).toBe(before);
      await program.end();
    } finally {
      namespace.remove();
    }
  });
});
