/**
 * Runs inside the lab kernel: everything that `lvsd run` must refuse, with the real binary on a real
 * kernel, and what each refusal left behind. Prints one JSON document.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';

export interface Refusal {
  readonly status: number | null;
  readonly stderr: string;
  /** Addresses of eth0, `ipvsadm -Sn` and the files below /run/lvsd: before and after. */
  readonly before: string;
  readonly after: string;
  /** Processes of lvsd that are still there. */
  readonly processes: readonly string[];
}

export type RefusalReport = Readonly<Record<string, Refusal>>;

const DIRECTORY = '/tmp/refusals';
const FILE = `${DIRECTORY}/lvs.conf`;
const NOBODY = '65534';

const GOOD = `vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  version 3
  priority 150
  advert_int 1
  virtual_ipaddress {
    192.168.10.188/32
  }
}
virtual_server 192.168.10.188 80 {
  delay_loop 1
  lvs_sched rr
  lvs_method DR
  protocol TCP
  alpha
  real_server 192.168.10.101 80 {
    TCP_CHECK {
    }
  }
}
`;

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function filesOf(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

function left(): string {
  const hasIpvs = existsSync('/proc/net/ip_vs');
  return JSON.stringify({
    addresses: run('ip', '-o', '-4', 'addr', 'show', 'dev', 'eth0'),
    table: hasIpvs ? run('ipvsadm', '-Sn') : '',
    files: filesOf('/run/lvsd'),
  });
}

/** Starts the daemon, which must end by itself; it is killed when it does not. */
function refuse(file: string, wrapper: readonly string[] = []): Refusal {
  const before = left();
  const [command = '', ...args] = [...wrapper, 'bin/lvsd', 'run', '-f', file];
  const outcome = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
  const processes = run('ps', '-eo', 'pid,args')
    .split('\n')
    .filter((line) => /bin\/lvsd|cli\/main|-process\./.test(line));
  return { status: outcome.status, stderr: outcome.stderr, before, after: left(), processes };
}

mkdirSync(DIRECTORY, { recursive: true });
run('ip', 'link', 'add', 'eth0', 'type', 'dummy');
run('ip', 'addr', 'add', '192.168.10.100/24', 'dev', 'eth0');
run('ip', 'link', 'set', 'eth0', 'up');
const report: Record<string, Refusal> = {};

// Without its modules the kernel has no IPVS; this one comes first, as they cannot be unloaded again.
writeFileSync(FILE, GOOD);
if (!existsSync('/proc/net/ip_vs')) {
  run('mount', '-t', 'tmpfs', 'tmpfs', '/lib/modules');
  report['no IPVS in the kernel'] = refuse(FILE);
  run('umount', '/lib/modules');
}
const asNobody = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
report['no privileges'] = refuse(FILE, asNobody);
chmodSync(FILE, 0o600);
report['a file that may not be read'] = refuse(FILE, asNobody);
report['a file that is not there'] = refuse(`${DIRECTORY}/absent.conf`);
report['a directory'] = refuse(DIRECTORY);
writeFileSync(FILE, GOOD.replace('  virtual_ipaddress {\n', '  virtual_ipaddress \n'));
report['a missing brace'] = refuse(FILE);
writeFileSync(FILE, GOOD.replace('interface eth0', 'interface eth7'));
report['an unknown interface'] = refuse(FILE);
writeFileSync(FILE, GOOD);
run('modprobe', 'ip_vs');
run('ipvsadm', '-A', '-t', '192.168.10.188:80', '-s', 'wlc');
run('ipvsadm', '-a', '-t', '192.168.10.188:80', '-r', '192.168.10.77:80', '-g');
report['a service of somebody else'] = refuse(FILE);
process.stdout.write(JSON.stringify(report));
