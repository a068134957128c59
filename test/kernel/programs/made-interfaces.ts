/**
 * Runs where the kernel has ipvlan and VRFs: the daemon as a user runs it, with `ip`, `ping` and tcpdump as
 * readers. Prints what they saw as one JSON document and judges nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, eventually, type Host, Segment } from '../../netns/segment.ts';

const VIP = '10.65.0.100';
const DEVICE = 'vrrp.65';
const WITHIN_MS = 60_000;

export interface Seen {
  readonly link: {
    readonly kind: string;
    readonly data: Readonly<Record<string, unknown>>;
    readonly master?: string;
    readonly hasMacOfParent: boolean;
  };
  readonly addresses: readonly string[];
  readonly advert: string;
  readonly ping: string;
  readonly remains: boolean;
}

export type MadeReport = Readonly<Record<'ipvlan' | 'vrf', Seen>>;

const directory = mkdtempSync(join(tmpdir(), 'lvsd-made-'));
try {
  const report: MadeReport = {
    ipvlan: await observe('  use_ipvlan 10.65.0.50/24 private'),
    vrf: await observe('  use_vmac\n  vrf blue'),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function observe(lines: string): Promise<Seen> {
  const segment = new Segment();
  try {
    const host = segment.addHost('d1', '10.65.0.1/24');
    const client = segment.addHost('client', '10.65.0.9/24');
    const ip = (...words: string[]): string => segment.run(host, 'ip', ...words);
    ip('link', 'add', 'blue', 'type', 'vrf', 'table', '10');
    ip('link', 'set', 'blue', 'up');
    const daemon = start(segment, host, lines);
    let log = '';
    daemon.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    const links = (): string => ip('-o', 'addr', 'show');
    try {
      await eventually('master', () => links().includes(VIP), WITHIN_MS);
    } catch (error) {
      throw new Error(`${log}\n${links()}`, { cause: error });
    }
    const [link] = JSON.parse(ip('-d', '-j', 'link', 'show', DEVICE));
    const [parent] = JSON.parse(ip('-j', 'link', 'show', 'eth0'));
    const seen = {
      link: {
        kind: link.linkinfo.info_kind,
        data: link.linkinfo.info_data,
        master: link.master,
        hasMacOfParent: link.address === parent.address,
      },
      addresses: segment.addresses(host, DEVICE),
      advert: segment.run(client, 'tcpdump', '-e', '-n', '-c', '1', '-i', 'eth0', 'ip proto 112'),
      ping: segment.run(client, 'ping', '-c', '1', '-W', '5', VIP),
    };
    daemon.kill('SIGTERM');
    await ended(daemon);
    return { ...seen, remains: links().includes(DEVICE) };
  } finally {
    segment.close();
  }
}

function start(segment: Segment, host: Host, lines: string): ReturnType<Segment['spawn']> {
  const file = join(directory, 'lvs.conf');
  writeFileSync(
    file,
    `vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 65
  version 3
  priority 200
  advert_int 0.5
  virtual_ipaddress {
    ${VIP}/24
  }
${lines}
}
`,
  );
  const socket = join(directory, 'run', 'control.sock');
  return segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
}
