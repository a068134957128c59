/**
 * What kernel.test.ts runs where the kernel has IPVS: drives the real client and reconciler, reads
 * back with `ipvsadm`, and prints what it saw as one JSON document. It judges nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processCpuMs, systemClock } from '../../src/base/clock.ts';
import { logTo } from '../../src/base/log.ts';
import { IpvsClient } from '../../src/ipvs/client.ts';
import { Listing } from '../../src/ipvs/listing.ts';
import { type Operation, planTable } from '../../src/ipvs/plan.ts';
import { Reconciler } from '../../src/ipvs/reconciler.ts';
import type { ReconcilerOptions } from '../../src/ipvs/reconciler-options.ts';
import { IpvsSettings } from '../../src/ipvs/settings.ts';
import { matrixAfter, matrixBefore, optionTable, plainTable } from './kernel-matrix.ts';
import { runErrors, runLived, runUnprivileged } from './lab-errors.ts';
import { server, service, table } from './tables.ts';

const PROBE_PRIVILEGE = 'probe-privilege';
const LIVE_UNPRIVILEGED = 'live-unprivileged';

export type LabReport = ReturnType<typeof runAll>;

if (process.argv[2] === PROBE_PRIVILEGE) print(openAndClose());
else if (process.argv[2] === LIVE_UNPRIVILEGED) print(runUnprivileged(tmpdir()));
else print(runAll());

function runAll() {
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-lab-ipvs-'));
  try {
    const absent = withoutModules();
    const unprivileged = runWithoutPrivilege();
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
      lived: {
        ...runLived(directory),
        EPERM: runAgain([], LIVE_UNPRIVILEGED) as ReturnType<typeof runUnprivileged>,
      },
      settings: runSettings(client),
      batch: runBatch(client),
      listing: runListing(client),
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
function runWithoutPrivilege(): unknown {
  // Loads the module, so that what is missing is the privilege alone.
  ipvsadm('-Ln');
  return runAgain(['setpriv', '--bounding-set=-net_admin'], PROBE_PRIVILEGE);
}

/** Another part of this program, in a process of its own. */
function runAgain(prefix: readonly string[], part: string): unknown {
  const [command = '', ...rest] = [...prefix, process.execPath, import.meta.filename, part];
  const { stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
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
  const thresholds = ipvsadm('-Ln', '--thresholds');
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
    thresholds,
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

/** The services that the text of the table names, of the whole matrix and beside it. */
function runListing(client: IpvsClient) {
  const all = new Map([...matrixBefore, ...optionTable]);
  client.apply(planTable(all, new Map(), new Set()));
  const listing = new Listing();
  const look = (): readonly string[] => {
    listing.begin();
    for (let isFirst = true; ; isFirst = false) {
      const piece = client.readListing(isFirst);
      if (!piece.ok) throw new Error(piece.detail);
      if (piece.bytes.length === 0) return [...listing.finish()].sort();
      listing.add(piece.bytes);
    }
  };
  const named = look();
  const again = look();
  ipvsadm('-e', '-u', '[2001:db8:50::1]:1200', '-r', '[2001:db8::1]:1200', '-w', '77', '-g');
  ipvsadm('-D', '-f', '7');
  const changed = look();
  ipvsadm('-C');
  return { wanted: [...all.keys()].sort(), named, again, changed };
}

function newReconciler(client: IpvsClient, ownershipPath: string) {
  const lines: string[] = [];
  const options: ReconcilerOptions = {
    client,
    log: logTo((level, _fields, message) => lines.push(`${level} ${message}`)),
    clock: systemClock,
    cpuMs: processCpuMs,
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
