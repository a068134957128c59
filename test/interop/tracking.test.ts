/**
 * Mastership that moves between lvsd and Debian's keepalived by what one of them tracks, and by command.
 * The tracking one is preferred, once lvsd and once keepalived; the file is the same for both.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';

const VIP = '10.65.0.188';

/** A client that connects anew every 10 ms, to a port where nobody listens: a refusal is an answer. */
const PROBER = `
  const { connect } = require('node:net');
  const probe = () => {
    const socket = connect({ host: '${VIP}', port: 9 });
    const timer = setTimeout(() => socket.destroy(new Error('nothing within 500 ms')), 500);
    socket.on('error', ({ code, message }) => {
      clearTimeout(timer);
      console.log(code === 'ECONNREFUSED' ? 'answered' : message);
    });
  };
  setInterval(probe, 10);
`;

interface Tracker {
  readonly title: string;
  readonly block: (at: (name: string) => string) => string;
  readonly line: string;
  readonly fail: (host: Host) => void;
  readonly recover: (host: Host) => void;
}

let segment: Segment;
let directory: string;
const at = (name: string): string => join(directory, name);

const script = (): string =>
  `vrrp_script check {\nscript ${at('check')}\ninterval 1\nfall 1\nrise 1\n}\n`;
const failScript = (): void => writeFileSync(at('bad'), '');
const recoverScript = (): void => rmSync(at('bad'));
const setDevice = (state: string) => (host: Host) => {
  segment.run(host, 'ip', 'link', 'set', 'dm0', state);
};

const trackers: readonly Tracker[] = [
  {
    title: 'a script with a weight',
    block: script,
    line: 'track_script {\ncheck weight -150\n}',
    fail: failScript,
    recover: recoverScript,
  },
  {
    title: 'a script without a weight',
    block: script,
    line: 'track_script {\ncheck\n}',
    fail: failScript,
    recover: recoverScript,
  },
  {
    title: 'a file',
    block: () => `track_file load {\nfile ${at('load')}\n}\n`,
    line: 'track_file {\nload weight 1\n}',
    fail: () => writeFileSync(at('load'), '-150\n'),
    recover: () => writeFileSync(at('load'), '0\n'),
  },
  {
    title: 'an interface with a weight',
    block: () => '',
    line: 'track_interface {\ndm0 weight -150\n}',
    fail: setDevice('down'),
    recover: setDevice('up'),
  },
  {
    title: 'an interface without a weight',
    block: () => '',
    line: 'track_interface {\ndm0\n}',
    fail: setDevice('down'),
    recover: setDevice('up'),
  },
];

let us: Host;
let them: Host;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-tracking-'));
  us = segment.addHost('us', '10.65.0.1/24');
  them = segment.addHost('them', '10.65.0.2/24');
  for (const host of [us, them]) {
    segment.run(host, 'ip', 'link', 'add', 'dm0', 'type', 'veth', 'peer', 'dm1');
    segment.run(host, 'ip', 'link', 'set', 'dm1', 'up');
    segment.run(host, 'ip', 'link', 'set', 'dm0', 'up');
  }
  writeFileSync(at('check'), `#!/bin/sh\ntest ! -e ${at('bad')}\n`);
  chmodSync(at('check'), 0o755);
  writeFileSync(at('load'), '0\n');
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, priority: number, block = '', line = ''): string {
  writeFileSync(
    at(name),
    `global_defs {
vrrp_version 3
script_user root
}
${block}vrrp_instance VI_1 {
state BACKUP
interface eth0
virtual_router_id 65
priority ${priority}
advert_int 0.1
virtual_ipaddress {
${VIP}/32
}
${line}
}
`,
  );
  return at(name);
}

const socket = (): string => at('control.sock');

function startLvsd(file: string): void {
  const child = segment.spawn(us, 'bin/lvsd', 'run', '-f', file, '--socket', socket());
  child.stdout?.resume();
  child.stderr?.resume();
}

function startKeepalived(file: string): void {
  const pids = ['--pid', at('parent.pid'), '--vrrp_pid', at('vrrp.pid')];
  const options = ['--dont-fork', '--log-console', '--vrrp', '--use-file', file, ...pids];
  const child = segment.spawn(them, 'keepalived', ...options);
  child.stdout?.resume();
  child.stderr?.resume();
}

const holds = (who: Host): Promise<void> =>
  eventually(`the VIP is with ${who.name} alone`, () =>
    [us, them].every((host) => segment.addresses(host).includes(VIP) === (host === who)),
  );

describe.each(trackers)('$title', ({ block, line, fail, recover }) => {
  it.each(['lvsd', 'keepalived'] as const)(
    'tracked by %s moves the VIP and brings it back',
    {
      timeout: 60_000,
    },
    async (preferred) => {
      const tracking = write('tracking.conf', 200, block(at), line);
      const plain = write('plain.conf', 100);
      const [host, other] = preferred === 'lvsd' ? [us, them] : [them, us];
      startLvsd(preferred === 'lvsd' ? tracking : plain);
      startKeepalived(preferred === 'lvsd' ? plain : tracking);
      await holds(host);
      fail(host);
      await holds(other);
      recover(host);
      await holds(host);
    },
  );
});

describe('lvsd handover', () => {
  it('gives the VIP to keepalived, and a client is answered all along', {
    timeout: 60_000,
  }, async () => {
    const client = segment.addHost('client', '10.65.0.9/24');
    const capture = at('wire.pcap');
    const options = ['-U', '--immediate-mode', '-i', 'eth0', '-w', capture];
    const tcpdump = segment.spawn(us, 'tcpdump', ...options, 'proto', '112');
    await said(tcpdump, 'listening on');
    startLvsd(write('lvsd.conf', 200));
    startKeepalived(write('keepalived.conf', 100));
    await holds(us);
    const lvsd = (...words: readonly string[]): string =>
      execFileSync('bin/lvsd', [...words, '--json', '--socket', socket()], { encoding: 'utf8' });
    const status = (): DaemonStatus => JSON.parse(lvsd('status'));
    await eventually('it is heard as the master', () => status().vrrp[0]?.state === 'MASTER');
    const prober = segment.spawn(client, process.execPath, '-e', PROBER);
    let summary = '';
    prober.stdout?.on('data', (chunk) => {
      summary += String(chunk);
    });
    await eventually('the client is answered', () => summary.includes('answered'));
    expect(JSON.parse(lvsd('handover', 'VI_1'))).toMatchObject({
      ok: true,
      successor: '10.65.0.2',
    });
    await holds(them);
    expect(status().vrrp[0]).toMatchObject({
      state: 'BACKUP',
      handedOver: true,
      masterAddress: '10.65.0.2',
    });
    prober.kill('SIGTERM');
    await ended(prober);
    const results = summary.trim().split('\n');
    expect(results.length).toBeGreaterThan(10);
    expect(results.filter((result) => result !== 'answered')).toEqual([]);
    tcpdump.kill('SIGTERM');
    await ended(tcpdump);
    const tshark = ['-n', '-V', '-o', 'vrrp.v3_checksum_as_in_v2:FALSE', '-r', capture];
    const decoded = execFileSync('tshark', tshark, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(decoded).toContain('Priority: 0 ');
    expect(decoded).toContain('Checksum Status: Good');
    expect(decoded).not.toMatch(/malformed|Checksum Status: Bad/i);
  });
});
