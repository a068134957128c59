/**
 * What kernel.test.ts runs where the kernel has IPVS: drives the real client and reconciler, reads
 * back with `ipvsadm`, and prints what it saw as one JSON document. It judges nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { logTo } from '../../src/base/log.ts';
import { IpvsClient } from '../../src/ipvs/client.ts';
import type { Operation } from '../../src/ipvs/plan.ts';
import { Reconciler, type ReconcilerOptions } from '../../src/ipvs/reconciler.ts';
import { IpvsSettings } from '../../src/ipvs/settings.ts';
import { matrixAfter, matrixBefore, optionTable, plainTable } from './kernel-matrix.ts';
import { server, service, table } from './tables.ts';

const PROBE_PRIVILEGE = 'probe-privilege';

export type LabReport = ReturnType<typeof runAll>;

if (process.argv[2] === PROBE_PRIVILEGE) print(openAndClose());
else print(runAll());

function runAll() {
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-lab-ipvs-'));
  try {
    const absent = withoutModules();
    const unprivileged = withoutPrivilege();
    const opened = IpvsClient.open();
    if (!opened.ok) throw new Error(`${opened.code}: ${opened.detail}`);
    const { client } = opened;
    const report = {
      absent,
      unprivileged,
      info: client.info(),
      matrix: runMatrix(client, directory),
      options: runOptions(client, directory),
      ...runOwnership(client, directory),
      drift: runDrift(client, directory),
      counted: runCounted(client),
      errors: runErrors(client),
      settings: runSettings(client),
      batch: runBatch(client),
    };
    client.close();
    return report;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What `open` says while the kernel may not load a module. Only meant where none is loaded yet. */
function withoutModules() {
  const path = '/proc/sys/kernel/modprobe';
  if (readFileSync('/proc/modules', 'utf8').includes('ip_vs ')) return undefined;
  const modprobe = readFileSync(path, 'utf8').trim();
  writeFileSync(path, '/bin/false');
  try {
    return openAndClose();
  } finally {
    writeFileSync(path, modprobe);
  }
}

/** What `open` says to root without CAP_NET_ADMIN. */
function withoutPrivilege(): unknown {
  // Loads the module, so that what is missing is the privilege alone.
  ipvsadm('-Ln');
  const command = ['--bounding-set=-net_admin', process.execPath, import.meta.filename];
  const { stdout, stderr } = spawnSync('setpriv', [...command, PROBE_PRIVILEGE], {
    encoding: 'utf8',
  });
  process.stderr.write(stderr);
  return JSON.parse(stdout);
}

function openAndClose() {
  const opened = IpvsClient.open();
  if (!opened.ok) return opened;
  opened.client.close();
  return { ok: true };
}

/** All rows at once, made and then changed. */
function runMatrix(client: IpvsClient, directory: string) {
  const { reconciler } = newReconciler(client, join(directory, 'matrix.json'));
  const started = reconciler.start(matrixBefore);
  const before = ipvsadm('-Ln');
  reconciler.setDesired(matrixAfter);
  const updated = reconciler.reconcileNow();
  const after = ipvsadm('-Ln');
  const again = reconciler.reconcileNow();
  const removed = reconciler.removeOwned();
  reconciler.close();
  return {
    started: started.ok && started.first.ok,
    updated: updated.ok,
    again: counted(again),
    removed: removed.ok,
    before,
    after,
    afterRemoval: ipvsadm('-Ln'),
  };
}

/** What is beyond the matrix: made, taken back, made again. */
function runOptions(client: IpvsClient, directory: string) {
  const { reconciler } = newReconciler(client, join(directory, 'options.json'));
  const started = reconciler.start(optionTable);
  const saved = ipvsadm('-Sn');
  const again = counted(reconciler.reconcileNow());
  reconciler.setDesired(plainTable);
  const plain = reconciler.reconcileNow();
  reconciler.setDesired(optionTable);
  const restored = reconciler.reconcileNow();
  const savedAgain = ipvsadm('-Sn');
  const removed = reconciler.removeOwned();
  reconciler.close();
  return {
    started: started.ok ? started.first : started,
    again,
    plain,
    restored,
    saved,
    savedAgain,
    removed: removed.ok,
  };
}

/** Entries made by hand: adopted untouched when ours, left alone when not. */
function runOwnership(client: IpvsClient, directory: string) {
  const path = join(directory, 'ownership.json');
  ipvsadm('-A', '-t', '10.50.0.1:80', '-s', 'rr');
  ipvsadm('-a', '-t', '10.50.0.1:80', '-r', '10.0.0.1:80', '-g');
  ipvsadm('-A', '-t', '10.50.0.2:80', '-s', 'wlc');
  ipvsadm('-a', '-t', '10.50.0.2:80', '-r', '10.0.0.9:80', '-m');
  ipvsadm('-A', '-f', '7', '-s', 'rr');
  ipvsadm('-a', '-f', '7', '-r', '10.0.0.9:0', '-g');
  const listing = ipvsadm('-Ln');
  const one = service('10.50.0.1', 80, [server('10.0.0.1', 80)]);

  const refusing = newReconciler(client, path).reconciler;
  const refused = refusing.start(table(one));
  refusing.close();
  const afterRefusal = ipvsadm('-Ln') === listing;

  writeFileSync(path, JSON.stringify({ version: 1, services: ['tcp 10.50.0.1:80'] }));
  const { reconciler } = newReconciler(client, path);
  const adopted = reconciler.start(table(one));
  const afterAdoption = ipvsadm('-Ln') === listing;
  const removed = reconciler.removeOwned();
  reconciler.close();
  const left = ipvsadm('-Ln');
  ipvsadm('-C');
  return {
    foreign: { refused, untouched: afterRefusal },
    adoption: {
      adopted: adopted.ok ? { names: adopted.adopted, ...counted(adopted.first) } : adopted,
      untouched: afterAdoption,
      removed: removed.ok,
      left,
    },
  };
}

function runDrift(client: IpvsClient, directory: string) {
  const { reconciler, lines } = newReconciler(client, join(directory, 'drift.json'));
  const servers = [server('10.0.0.1', 80), server('10.0.0.2', 80)];
  reconciler.start(table(service('10.50.0.1', 80, servers)));
  lines.length = 0;
  const wanted = ipvsadm('-Ln');
  const repaired = (...change: string[]) => {
    ipvsadm(...change);
    const isChanged = ipvsadm('-Ln') !== wanted;
    const outcome = reconciler.reconcileNow();
    return { isChanged, ...counted(outcome), isWanted: sameLines(ipvsadm('-Ln'), wanted) };
  };
  const report = {
    cleared: repaired('-C'),
    deleted: repaired('-d', '-t', '10.50.0.1:80', '-r', '10.0.0.1:80'),
    edited: repaired('-e', '-t', '10.50.0.1:80', '-r', '10.0.0.1:80', '-m', '-w', '9'),
    added: repaired('-a', '-t', '10.50.0.1:80', '-r', '10.0.0.7:80', '-g'),
    rescheduled: repaired('-E', '-t', '10.50.0.1:80', '-s', 'wlc', '-p', '300'),
    lines: [...lines],
    driftRepairs: reconciler.snapshot().driftRepairs,
  };
  reconciler.removeOwned();
  reconciler.close();
  return report;
}

/** A dump of services that lvsd does not manage beside one that it does, with status. */
function runCounted(client: IpvsClient) {
  ipvsadm('-A', '-t', '10.50.0.1:80', '-s', 'rr', '-p', '120', '-M', '255.255.255.0');
  const tunnel = ['-r', '[2001:db8::1]:80', '-i', '-x', '100', '-y', '50', '-w', '3'];
  ipvsadm('-a', '-t', '10.50.0.1:80', ...tunnel);
  const dumped = client.dump();
  ipvsadm('-C');
  if (!dumped.ok) return dumped;
  return { services: [...dumped.table.values()], status: [...dumped.status.values()] };
}

/** Timeouts, sysctls and the sync daemon, read back with ipvsadm and from /proc. */
function runSettings(client: IpvsClient) {
  execFileSync('ip', ['link', 'add', 'sync0', 'type', 'dummy']);
  execFileSync('ip', ['address', 'add', '10.60.0.1/24', 'dev', 'sync0']);
  execFileSync('ip', ['link', 'set', 'sync0', 'up', 'multicast', 'on']);
  const lines: string[] = [];
  const settings = new IpvsSettings(
    client,
    logTo((level, _fields, message) => lines.push(`${level} ${message}`)),
  );
  const controlSocket = { path: '/run/lvsd/control.sock', mode: 0o660 };
  const sysctl = (name: string) => readFileSync(`/proc/sys/net/ipv4/vs/${name}`, 'utf8').trim();
  const daemons = () => {
    const outcome = client.daemons();
    return outcome.ok ? outcome.daemons : outcome;
  };
  const globals = {
    controlSocket,
    lvsTimeouts: { tcpMs: 100_000, udpMs: 33_000 },
    expiresNodestConnections: true,
    expiresQuiescentTemplates: true,
    connectionReuseMode: 2,
    syncDaemon: { interface: 'sync0', instance: 'VI_1', syncId: 7 },
  } as const;
  settings.configure(globals);
  const report = {
    timeouts: ipvsadm('-L', '--timeout').trim(),
    readBack: client.timeouts(),
    sysctls: ['expire_nodest_conn', 'expire_quiescent_template', 'conn_reuse_mode'].map(sysctl),
    beforeRole: daemons(),
    afterRole: after(
      () => settings.setRole('VI_1', 'master'),
      () => ipvsadm('-L', '--daemon').trim(),
    ),
    master: daemons(),
    backup: after(() => settings.setRole('VI_1', 'backup'), daemons),
    both: after(
      () => settings.configure({ controlSocket, syncDaemon: { interface: 'sync0' } }),
      daemons,
    ),
    again: after(
      () => settings.setRole('VI_1', 'master'),
      () => lines.slice(-1),
    ),
    withdrawn: after(() => settings.withdraw(), daemons),
    refused: after(
      () => settings.configure({ controlSocket, syncDaemon: { interface: 'absent0' } }),
      () => lines,
    ),
  };
  ipvsadm('-A', '-t', '10.50.0.9:80', '-s', 'rr');
  const flushed = client.flush().ok && !ipvsadm('-Ln').includes('10.50.0.9');
  return { ...report, flushed };
}

function after<T>(action: () => void, look: () => T): T {
  action();
  return look();
}

/** Every errno of the interface, met on purpose. */
function runErrors(client: IpvsClient) {
  const one = server('10.0.0.1', 80);
  const here = service('10.50.0.1', 80);
  const away = service('10.50.0.2', 80);
  const reason = 'test';
  const setUp: Operation[] = [
    { kind: 'addService', service: here, reason },
    { kind: 'addServer', service: here, destination: one, reason },
  ];
  const wrong: [string, Operation][] = [
    ['duplicate service', { kind: 'addService', service: here, reason }],
    ['duplicate server', { kind: 'addServer', service: here, destination: one, reason }],
    ['missing service', { kind: 'deleteService', service: away, reason }],
    ['server of a missing service', { kind: 'addServer', service: away, destination: one, reason }],
    [
      'missing server',
      { kind: 'deleteServer', service: here, destination: server('10.0.0.2', 80), reason },
    ],
    ['unknown scheduler', { kind: 'addService', service: { ...away, scheduler: 'best' }, reason }],
    [
      'too long a scheduler name',
      { kind: 'addService', service: { ...away, scheduler: 'x'.repeat(40) }, reason },
    ],
    [
      'weight out of range',
      {
        kind: 'raiseWeight',
        service: here,
        destination: { ...one, weight: 2 ** 31 },
        reason,
      },
    ],
    [
      'IPv6 server of an IPv4 service, not tunnelled',
      { kind: 'addServer', service: here, destination: server('2001:db8::1', 80), reason },
    ],
  ];
  const made = client.apply(setUp).every(({ ok }) => ok);
  const outcomes = client.apply(wrong.map(([, operation]) => operation));
  const codes = outcomes.map((outcome, index) => [
    wrong[index]?.[0],
    outcome.ok ? 'ok' : outcome.code,
    outcome.ok ? '' : outcome.detail,
  ]);
  const listing = ipvsadm('-Ln');
  ipvsadm('-C');
  return { made, codes, listing };
}

/** More than one batch, with an error in the middle that must not stop the rest. */
function runBatch(client: IpvsClient) {
  const many = service('10.50.0.1', 80);
  const destinations = Array.from({ length: 2500 }, (_, index) =>
    server(`10.1.${Math.floor(index / 250)}.${(index % 250) + 1}`, 80),
  );
  const reason = 'test';
  const adds = destinations.map(
    (destination): Operation => ({ kind: 'addServer', service: many, destination, reason }),
  );
  const twice = adds[1200];
  const operations: Operation[] = [{ kind: 'addService', service: many, reason }, ...adds];
  if (twice !== undefined) operations.splice(1500, 0, twice);
  const outcomes = client.apply(operations);
  const dumped = client.dump();
  ipvsadm('-C');
  return {
    outcomes: outcomes.length,
    refused: outcomes.flatMap((outcome, index) => (outcome.ok ? [] : [`${index} ${outcome.code}`])),
    servers: dumped.ok ? dumped.table.get('tcp 10.50.0.1:80')?.destinations.length : dumped,
  };
}

function newReconciler(client: IpvsClient, ownershipPath: string) {
  const lines: string[] = [];
  const options: ReconcilerOptions = {
    client,
    log: logTo((level, _fields, message) => lines.push(`${level} ${message}`)),
    clock: systemClock,
    ownershipPath,
    // Everything here is done by reconcileNow.
    newTimer: () => ({ arm: () => {}, disarm: () => {}, close: () => {} }),
  };
  return { reconciler: new Reconciler(options), lines };
}

function counted(outcome: ReturnType<Reconciler['reconcileNow']>) {
  return outcome.ok ? { ok: true, operations: outcome.applied.length } : outcome;
}

function ipvsadm(...options: string[]): string {
  return execFileSync('ipvsadm', options, { encoding: 'utf8' });
}

function sameLines(a: string, b: string): boolean {
  return a.split('\n').sort().join('\n') === b.split('\n').sort().join('\n');
}

function print(report: unknown): void {
  process.stdout.write(JSON.stringify(report));
}
