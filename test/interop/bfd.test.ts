/**
 * BFD with the sessions of others, in namespaces: FRR's bfdd and Debian's keepalived. What the peer itself says
 * is the independent reader; what lvsd says comes from `lvsd status --json`.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BfdSnapshot } from '../../src/bfd/snapshot.ts';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { ended, eventually, type Host, Segment } from '../netns/segment.ts';

const OURS = { 4: '10.66.0.1', 6: 'fd66::1' } as const;
const THEIRS = { 4: '10.66.0.2', 6: 'fd66::2' } as const;
/** Where they are behind a router. */
const FAR = { 4: '10.67.0.2', 6: 'fd67::2' } as const;
type Family = keyof typeof OURS;

/**
 * The peers run at ordinary priority on a machine that is busy with the test itself: multipliers are large, so
 * that a session is lost only when somebody is killed.
 */

/** What is read of `show bfd peers json`. Intervals are ms. */
interface FrrPeer {
  readonly status: string;
  readonly diagnostic: string;
  readonly 'remote-diagnostic': string;
  readonly 'remote-receive-interval': number;
  readonly 'remote-transmit-interval': number;
  readonly 'remote-detect-multiplier': number;
}

let segment: Segment;
let us: Host;
let them: Host;
let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-bfd-'));
  us = segment.addHost('us', `${OURS[4]}/24`, `${OURS[6]}/64`);
  them = segment.addHost('them', `${THEIRS[4]}/24`, `${THEIRS[6]}/64`);
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

const lvsd = (...words: readonly string[]): string =>
  execFileSync('bin/lvsd', [...words, '--json', '--socket', at('control.sock')], {
    encoding: 'utf8',
  });

function session(): BfdSnapshot | undefined {
  try {
    const status = JSON.parse(lvsd('status')) as DaemonStatus;
    return status.bfd?.sessions[0];
  } catch {
    // Not listening yet.
    return undefined;
  }
}

const isState = (state: string) => (): boolean => session()?.state === state;

function writeOurs(family: Family, lines = '', neighbor: string = THEIRS[family]): string {
  const file = at('lvsd.conf');
  writeFileSync(file, `bfd_instance peer {\nneighbor_ip ${neighbor}\n${lines}\n}\n`);
  return file;
}

function quiet(child: ChildProcess): ChildProcess {
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

function startLvsd(family: Family, lines?: string, neighbor?: string): ChildProcess {
  const options = ['-f', writeOurs(family, lines, neighbor), '--socket', at('control.sock')];
  return quiet(segment.spawn(us, 'bin/lvsd', 'run', ...options));
}

/** zebra tells bfdd which interfaces there are; both in a run directory of their own. */
async function startFrr(
  family: Family,
  lines: readonly string[],
  peer = `peer ${OURS[family]} local-address ${THEIRS[family]} interface eth0`,
): Promise<void> {
  const own = lines.map((line) => `  ${line}`);
  writeFileSync(at('bfdd.conf'), ['bfd', ` ${peer}`, ...own, ''].join('\n'));
  execFileSync('chown', ['-R', 'frr:frr', directory]);
  startFrrDaemon('zebra');
  await eventually('zebra listens', () => existsSync(at('zserv')));
  startFrrDaemon('bfdd', '-f', at('bfdd.conf'), '--bfdctl', at('bfdd.ctl'));
}

function startFrrDaemon(name: string, ...own: readonly string[]): void {
  const common = ['-i', at(`${name}.pid`), '-z', at('zserv'), '--vty_socket', directory, '-P', '0'];
  quiet(segment.spawn(them, `/usr/lib/frr/${name}`, ...common, ...own));
}

function frrPeer(): FrrPeer | undefined {
  try {
    const words = ['--vty_socket', directory, '-d', 'bfdd', '-c', 'show bfd peers json'];
    const [peer] = JSON.parse(segment.run(them, 'vtysh', ...words)) as FrrPeer[];
    return peer;
  } catch {
    // Not listening yet.
    return undefined;
  }
}

function startKeepalived(family: Family, lines: string): ChildProcess {
  const file = at('keepalived.conf');
  const block = `bfd_instance peer {\nneighbor_ip ${OURS[family]}\nsource_ip ${THEIRS[family]}\n`;
  writeFileSync(file, `${block}${lines}\n}\n`);
  const pids = ['--pid', at('parent.pid'), '--bfd_pid', at('bfd.pid')];
  const options = ['--dont-fork', '--log-console', '--log-detail', '--use-file', file, ...pids];
  return segment.spawn(them, 'keepalived', ...options);
}

const frrIntervals = [
  'detect-multiplier 40',
  'receive-interval 50',
  'transmit-interval 60',
] as const;

describe.each([4, 6] as const)('FRR over IPv%d', (family) => {
  it('comes up, negotiates, hears of a reload, is lost when it is killed', {
    timeout: 60_000,
  }, async () => {
    await startFrr(family, frrIntervals);
    startLvsd(family, 'min_tx 30\nmin_rx 40\nmultiplier 30');
    await eventually('lvsd is up', isState('Up'));
    await eventually('FRR is up', () => frrPeer()?.status === 'up');
    await eventually('both know the intervals of the other', () => {
      const theirs = frrPeer();
      const ours = session();
      return (
        theirs?.['remote-transmit-interval'] === 30 &&
        theirs['remote-receive-interval'] === 40 &&
        theirs['remote-detect-multiplier'] === 30 &&
        ours?.transmitIntervalMs === 50 &&
        ours.detectionTimeMs === 40 * 60
      );
    });

    writeOurs(family, 'min_tx 70\nmin_rx 100\nmultiplier 30');
    lvsd('reload');
    await eventually('the new intervals are agreed by a Poll Sequence', () => {
      const ours = session();
      return (
        frrPeer()?.['remote-receive-interval'] === 100 &&
        ours?.isPolling === false &&
        ours.transmitIntervalMs === 70 &&
        ours.detectionTimeMs === 40 * 100
      );
    });
    expect(session()).toMatchObject({ state: 'Up', ups: 1, downs: 0, refused: {}, sendErrors: {} });

    segment.killAll(them);
    await eventually('lvsd has lost it', isState('Down'));
    expect(session()).toMatchObject({
      ups: 1,
      downs: 1,
      diagnostic: 'Control Detection Time Expired',
    });
  });

  it('is told AdminDown when the session is removed, and when lvsd stops', {
    timeout: 60_000,
  }, async () => {
    await startFrr(family, frrIntervals);
    const daemon = startLvsd(family);
    await eventually('both are up', () => isState('Up')() && frrPeer()?.status === 'up');
    daemon.kill('SIGTERM');
    expect(await ended(daemon)).toBe(0);
    await eventually('FRR knows why', () => {
      const peer = frrPeer();
      return peer?.status === 'down' && /administratively/.test(peer['remote-diagnostic']);
    });
  });
});

/** `them` moves behind a router, on a segment of its own. */
function moveThemAway(): { readonly router: Host; readonly beyond: Segment } {
  const beyond = new Segment();
  const router = segment.addHost('router', '10.66.0.9/24', 'fd66::9/64');
  beyond.connect(router, 'eth1', '10.67.0.9/24', 'fd67::9/64');
  segment.run(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  them = beyond.addHost('far', `${FAR[4]}/24`, `${FAR[6]}/64`);
  segment.run(us, 'ip', 'route', 'add', '10.67.0.0/24', 'via', '10.66.0.9');
  segment.run(us, 'ip', '-6', 'route', 'add', 'fd67::/64', 'via', 'fd66::9');
  segment.run(them, 'ip', 'route', 'add', '10.66.0.0/24', 'via', '10.67.0.9');
  segment.run(them, 'ip', '-6', 'route', 'add', 'fd66::/64', 'via', 'fd67::9');
  return { router, beyond };
}

describe.each([4, 6] as const)('FRR behind a router, over IPv%d', (family) => {
  it('is refused without max_hops, comes up with it, and is lost with the router', {
    timeout: 60_000,
  }, async () => {
    const { router, beyond } = moveThemAway();
    try {
      const peer = `peer ${OURS[family]} multihop local-address ${FAR[family]}`;
      await startFrr(family, frrIntervals, peer);
      const ours = 'multihop\nmultiplier 30';
      startLvsd(family, ours, FAR[family]);
      await eventually('its packets are refused', () => (session()?.refused.TTL_TOO_LOW ?? 0) > 0);
      expect(session()?.state).toBe('Down');

      writeOurs(family, `${ours}\nmax_hops 1`, FAR[family]);
      lvsd('reload');
      await eventually('both are up', () => isState('Up')() && frrPeer()?.status === 'up');

      beyond.setCable(router, 'down');
      await eventually(
        'both have lost it',
        () => isState('Down')() && frrPeer()?.status === 'down',
      );
      expect(session()).toMatchObject({
        ups: 1,
        downs: 1,
        diagnostic: 'Control Detection Time Expired',
      });
    } finally {
      beyond.close();
    }
  });
});

describe('FRR over IPv4', () => {
  it('comes up though lvsd is passive', { timeout: 60_000 }, async () => {
    startLvsd(4, 'passive');
    await eventually('lvsd waits', isState('Down'));
    expect(session()?.sent).toBe(0);
    await startFrr(4, frrIntervals);
    await eventually('lvsd is up', isState('Up'));
  });

  it('comes up though it is passive itself', { timeout: 60_000 }, async () => {
    await startFrr(4, [...frrIntervals, 'passive-mode']);
    startLvsd(4);
    await eventually('both are up', () => isState('Up')() && frrPeer()?.status === 'up');
  });
});

describe('keepalived', () => {
  it.each([
    [4, ''],
    [6, 'hoplimit 255'],
  ] as const)(
    'over IPv%d comes up, negotiates, and is lost when it is killed',
    {
      timeout: 60_000,
    },
    async (family, own) => {
      quiet(startKeepalived(family, `min_tx 40\nmin_rx 50\nmultiplier 40\n${own}`));
      startLvsd(family, 'min_tx 30\nmin_rx 20\nmultiplier 30');
      await eventually('lvsd is up', isState('Up'));
      await eventually('the intervals are agreed', () => {
        const ours = session();
        return ours?.transmitIntervalMs === 50 && ours.detectionTimeMs === 40 * 40;
      });
      expect(session()).toMatchObject({ ups: 1, downs: 0, refused: {} });
      segment.killAll(them);
      await eventually('lvsd has lost it', isState('Down'));
      expect(session()?.diagnostic).toBe('Control Detection Time Expired');
    },
  );

  it('over IPv6 with its default hop limit is refused, and lvsd says what to write', {
    timeout: 60_000,
  }, async () => {
    quiet(startKeepalived(6, ''));
    startLvsd(6);
    await eventually('its packets are refused', () => (session()?.refused.TTL_TOO_LOW ?? 0) > 0);
    expect(session()?.state).toBe('Down');
    const shown = execFileSync('bin/lvsd', ['status', '--socket', at('control.sock')], {
      encoding: 'utf8',
    });
    expect(shown).toContain('hoplimit 255');
    writeOurs(6, 'hoplimit 64');
    lvsd('reload');
    await eventually('lvsd is up', isState('Up'));
  });

  it('with the session of lvsd keeps it when lvsd is reloaded again and again', {
    timeout: 60_000,
  }, async () => {
    quiet(startKeepalived(4, 'multiplier 200'));
    startLvsd(4, 'multiplier 200');
    await eventually('lvsd is up', isState('Up'));
    for (const minRx of [50, 20, 20, 100]) {
      writeOurs(4, `multiplier 200\nmin_rx ${minRx}`);
      lvsd('reload');
      await eventually('told', () => session()?.isPolling === false);
    }
    expect(session()).toMatchObject({ state: 'Up', ups: 1, downs: 0 });
  });
});
