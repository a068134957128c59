/**
 * Every errno of the kernel's IPVS interface, met on purpose: as the client reports it, and as the
 * reconciler lives with it. Part of the program that runs where the kernel has IPVS; it judges nothing.
 *
 * Not met: ENOMEM, which needs a machine without memory; ENOTCONN and the like of the socket itself.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { logTo } from '../../src/base/log.ts';
import { serviceName } from '../../src/config/names.ts';
import * as abi from '../../src/ipvs/abi.ts';
import { IpvsClient } from '../../src/ipvs/client.ts';
import type { Operation } from '../../src/ipvs/plan.ts';
import { Reconciler } from '../../src/ipvs/reconciler.ts';
import type { Service, Table } from '../../src/ipvs/types.ts';
import { limitSelf } from '../../src/kernel/capabilities.ts';
import { GenericNetlink } from '../../src/kernel/genetlink.ts';
import { setsockopt } from '../../src/kernel/libc.ts';
import { SO_RCVBUFFORCE, SO_SNDBUFFORCE, SOL_SOCKET } from '../../src/kernel/linux.ts';
import { AttributeWriter } from '../../src/kernel/netlink.ts';
import { HandTimer } from './hand-timer.ts';
import { marked, server, service, table } from './tables.ts';

const reason = 'test';
const one = server('10.0.0.1', 80);
const two = server('10.0.0.2', 80);
const here = service('10.50.0.1', 80);
const away = service('10.50.0.2', 80);

/** What is asked, and the errno that the kernel has for it. */
export interface ErrnoRow {
  readonly title: string;
  readonly operation: Operation;
  readonly code: string;
}

const add = (to: Service, destination: typeof one): Operation => ({
  kind: 'addServer',
  service: to,
  destination,
  reason,
});
const make = (each: Service): Operation => ({ kind: 'addService', service: each, reason });

/** With `here` and its server `one` in the table, and a sync daemon running. */
export const ERRNO_ROWS: readonly ErrnoRow[] = [
  { title: 'a service that is there', operation: make(here), code: 'EEXIST' },
  { title: 'a server that is there', operation: add(here, one), code: 'EEXIST' },
  {
    title: 'deleting a service that is not there',
    operation: { kind: 'deleteService', service: away, reason },
    code: 'ESRCH',
  },
  {
    title: 'editing a service that is not there',
    operation: { kind: 'editService', service: away, reason },
    code: 'ESRCH',
  },
  { title: 'a server of no service', operation: add(away, one), code: 'ESRCH' },
  {
    title: 'a mark of the other family',
    operation: { kind: 'deleteService', service: marked(9, [], { family: 'inet6' }), reason },
    code: 'ESRCH',
  },
  {
    title: 'deleting a server that is not there',
    operation: { kind: 'deleteServer', service: here, destination: two, reason },
    code: 'ENOENT',
  },
  {
    title: 'editing a server that is not there',
    operation: { kind: 'editServer', service: here, destination: two, reason },
    code: 'ENOENT',
  },
  {
    title: 'an unknown scheduler',
    operation: make({ ...away, scheduler: 'best' }),
    code: 'ENOENT',
  },
  {
    title: 'an unknown persistence engine',
    operation: make({ ...away, flags: 1, timeoutS: 60, engine: 'best' }),
    code: 'ENOENT',
  },
  {
    title: 'too long a scheduler name',
    operation: make({ ...away, scheduler: 'x'.repeat(40) }),
    code: 'EINVAL',
  },
  {
    title: 'an IPv6 prefix that is too long',
    operation: make(service('2001:db8:50::2', 80, [], { flags: 1, timeoutS: 60, netmask: 200 })),
    code: 'EINVAL',
  },
  {
    title: 'a weight out of range',
    operation: {
      kind: 'raiseWeight',
      service: here,
      destination: { ...one, weight: 2 ** 31 },
      reason,
    },
    code: 'ERANGE',
  },
  {
    title: 'a lower threshold above the upper',
    operation: {
      kind: 'editServer',
      service: here,
      destination: { ...one, upperThreshold: 5, lowerThreshold: 9 },
      reason,
    },
    code: 'ERANGE',
  },
  {
    title: 'a server at a multicast address',
    operation: add(here, server('224.0.0.1', 80)),
    code: 'EINVAL',
  },
  {
    title: 'a server of the other family, not tunnelled',
    operation: add(here, server('2001:db8::1', 80)),
    code: 'EINVAL',
  },
  {
    title: 'a server of the other family while connections are synchronised',
    operation: add(here, server('2001:db8::1', 80, { forwardingMethod: 'tunnel' })),
    code: 'EINVAL',
  },
  {
    title: 'a gue tunnel without a port',
    operation: add(
      here,
      server('10.0.0.3', 80, {
        forwardingMethod: 'tunnel',
        tunnel: { type: 'gue', port: 0, flags: 0 },
      }),
    ),
    code: 'EINVAL',
  },
];

/** Messages that lvsd never sends, for what no operation of it can meet. */
export const RAW_ROWS: readonly {
  readonly title: string;
  readonly command: number;
  readonly write: (writer: AttributeWriter) => void;
  readonly code: string;
}[] = [
  { title: 'a command that is none', command: 99, write: () => {}, code: 'EOPNOTSUPP' },
  {
    title: 'a service of another family',
    command: abi.IPVS_CMD_NEW_SERVICE,
    write: (writer) =>
      writer.nested(abi.IPVS_CMD_ATTR_SERVICE, (inner) => {
        inner.u16(abi.IPVS_SVC_ATTR_AF, 1).u32(abi.IPVS_SVC_ATTR_FWMARK, 7);
      }),
    code: 'EAFNOSUPPORT',
  },
  {
    title: 'a service without a key',
    command: abi.IPVS_CMD_NEW_SERVICE,
    write: (writer) =>
      writer.nested(abi.IPVS_CMD_ATTR_SERVICE, (inner) => {
        inner.u16(abi.IPVS_SVC_ATTR_AF, abi.AF_INET);
      }),
    code: 'EINVAL',
  },
  { title: 'no service', command: abi.IPVS_CMD_NEW_SERVICE, write: () => {}, code: 'EINVAL' },
  {
    title: 'a timeout out of range',
    command: abi.IPVS_CMD_SET_CONFIG,
    write: (writer) => writer.u32(abi.IPVS_CMD_ATTR_TIMEOUT_TCP, 2 ** 31),
    code: 'EINVAL',
  },
];

export function runErrors(client: IpvsClient) {
  execFileSync('ip', ['link', 'add', 'errors0', 'type', 'dummy']);
  execFileSync('ip', ['link', 'set', 'errors0', 'up', 'multicast', 'on']);
  execFileSync('ip', ['address', 'add', '10.61.0.1/24', 'dev', 'errors0']);
  const daemon = { role: 'master', interface: 'errors0', syncId: 3 } as const;
  const started = client.applyDaemon({ kind: 'startDaemon', daemon });
  const startedTwice = client.applyDaemon({ kind: 'startDaemon', daemon });
  const made = client.apply([make(here), add(here, one)]).every(({ ok }) => ok);
  const outcomes = client.apply(ERRNO_ROWS.map(({ operation }) => operation));
  const listing = ipvsadm('-Ln');
  const stopped = client.applyDaemon({ kind: 'stopDaemon', daemon });
  const stoppedTwice = client.applyDaemon({ kind: 'stopDaemon', daemon });
  const absent = { ...daemon, interface: 'absent0' };
  const onNothing = client.applyDaemon({ kind: 'startDaemon', daemon: absent });
  ipvsadm('-C');
  return {
    made: made && started.ok && stopped.ok,
    codes: outcomes.map((outcome) =>
      outcome.ok ? { code: 'ok', detail: '' } : { code: outcome.code, detail: outcome.detail },
    ),
    daemon: [startedTwice, stoppedTwice, onNothing].map((each) => (each.ok ? 'ok' : each.code)),
    raw: runRaw(),
    listing,
  };
}

function runRaw(): readonly string[] {
  const opened = GenericNetlink.open(abi.IPVS_GENL_NAME);
  if (!opened.ok) throw new Error(opened.detail);
  const codes = RAW_ROWS.map(({ command, write }) => {
    const writer = new AttributeWriter();
    write(writer);
    const reply = opened.channel.request(command, writer.finish());
    return reply.ok ? 'ok' : reply.code;
  });
  opened.channel.close();
  return codes;
}

/** How the reconciler took it, from the moment it met the errno until it was over. */
export interface Lived {
  /** Errors that it counted, and had one after the other. */
  readonly errors: number;
  readonly lastCode: string | undefined;
  /** How often it said so, over three attempts. */
  readonly told: number;
  /** The pause before the second and the third attempt, whole seconds. */
  readonly pausesS: readonly number[];
  /** Whether what was not refused was done all the same. */
  readonly restDone: boolean;
  /** Whether the table became right when the cause was gone, and the error count 0. */
  readonly healed: boolean;
}

/** A reconciler with one good service, on a client of its own whose socket we can reach. */
class Subject {
  readonly client: IpvsClient;
  readonly fd: number;
  readonly reconciler: Reconciler;
  readonly lines: string[] = [];
  readonly good = service('10.50.1.1', 80, [one]);
  #timer: HandTimer | undefined;
  /** Time that was not waited for. */
  #skippedMs = 0;
  readonly #clock: Clock = {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + this.#skippedMs,
  };

  constructor(directory: string, first: Table = table(service('10.50.1.1', 80, [one]))) {
    const before = sockets();
    const opened = IpvsClient.open();
    if (!opened.ok) throw new Error(opened.detail);
    this.client = opened.client;
    this.fd = sockets().find((fd) => !before.includes(fd)) ?? -1;
    this.reconciler = new Reconciler({
      client: this.client,
      log: logTo((level, { code }, message) => this.lines.push(`${level} ${code} ${message}`)),
      clock: this.#clock,
      cpuMs: () => this.#clock.monotonicMs(),
      ownershipPath: join(directory, 'errors.json'),
      newTimer: (onExpire) => {
        this.#timer = new HandTimer(onExpire, this.#clock);
        return this.#timer;
      },
    });
    this.reconciler.start(first);
    this.look();
  }

  wish(wish: Table): void {
    this.reconciler.setDesired(wish);
    this.#timer?.turn();
  }

  /** The next look, or the next attempt. */
  look(): void {
    this.#skippedMs += this.#timer?.pauseMs ?? 0;
    this.#timer?.expire();
    this.#timer?.turn();
  }

  /** Looks until it is so. Returns how long that would have taken, whole seconds. */
  #lookUntil(isSo: () => boolean): number {
    const beganMs = this.#clock.monotonicMs();
    for (let count = 0; count < LOOKS_MAX && !isSo(); count += 1) this.look();
    return Math.round((this.#clock.monotonicMs() - beganMs) / 1000);
  }

  /** Three attempts at what cannot be, then `relief`, and what comes next. */
  live(wish: Table, relief: () => Table): Lived {
    this.lines.length = 0;
    this.wish(wish);
    const hasFailed = (times: number) => () => this.reconciler.snapshot().errors >= times;
    const pausesS = [this.#lookUntil(hasFailed(2)), this.#lookUntil(hasFailed(3))];
    const { errors, lastError } = this.reconciler.snapshot();
    const told = this.lines.filter((line) => line.startsWith('error')).length;
    const restDone = ipvsadm('-Ln').includes('10.50.9.9:80');
    const right = relief();
    this.wish(right);
    this.#lookUntil(() => this.reconciler.snapshot().consecutiveErrors === 0);
    const { consecutiveErrors } = this.reconciler.snapshot();
    const dumped = this.client.dump();
    const healed = dumped.ok && isSame(dumped.table, right) && consecutiveErrors === 0;
    return { errors, lastCode: lastError?.code, told, pausesS, restDone, healed };
  }

  close(): void {
    this.reconciler.removeOwned();
    this.reconciler.close();
    this.client.close();
  }
}

/** More than there are in a minute. */
const LOOKS_MAX = 200;

const other = service('10.50.9.9', 80, [one]);

/** Refused for good: the rest is done, it is told once, and tried again ever more rarely. */
function refused(directory: string, bad: (good: Service) => Table): Lived {
  const subject = new Subject(directory);
  const wish = new Map([...bad(subject.good), ...table(other)]);
  const lived = subject.live(wish, () => table(subject.good, other));
  subject.close();
  return lived;
}

/** Somebody was quicker: noticed in the answer, read again and done in the same turn. */
function overtaken(directory: string, hand: readonly string[], wish: (good: Service) => Table) {
  const subject = new Subject(directory);
  subject.lines.length = 0;
  const wished = wish(subject.good);
  ipvsadm(...hand);
  const outcome = outcomeOf(subject, wished);
  subject.close();
  return outcome;
}

/** Which errnos it met, whether it counted an error, and whether the table is as wished after one turn. */
function outcomeOf(subject: Subject, wish: Table) {
  subject.wish(wish);
  const met = subject.lines.flatMap((line) => /^warn (E\w+)/.exec(line)?.[1] ?? []);
  const { errors } = subject.reconciler.snapshot();
  const dumped = subject.client.dump();
  return { met: [...new Set(met)], errors, isRight: dumped.ok && isSame(dumped.table, wish) };
}

/** So many that their messages, or the answers to them, do not fit the smallest buffer of a socket. */
const MANY = Array.from({ length: 250 }, (_, index) => server(`10.2.0.${index + 1}`, 80));
const SMALLEST = 2048;

function setBuffer(fd: number, name: number, value: number): void {
  setsockopt(fd, { level: SOL_SOCKET, name, value, label: 'buffer' });
}

/** A batch that is longer than the socket can send. */
function tooLong(directory: string): Lived {
  const subject = new Subject(directory);
  setBuffer(subject.fd, SO_SNDBUFFORCE, SMALLEST);
  const wish = table({ ...subject.good, destinations: [one, ...MANY] });
  const lived = subject.live(wish, () => {
    setBuffer(subject.fd, SO_SNDBUFFORCE, 1 << 20);
    return wish;
  });
  subject.close();
  return lived;
}

/** Somebody made what is wanted a moment before, and the refusals do not fit the receive buffer. */
function deafened(directory: string) {
  const subject = new Subject(directory);
  subject.lines.length = 0;
  const input = MANY.map(({ address: { text } }) => `-a -t 10.50.1.1:80 -r ${text}:80 -g -w 1\n`);
  spawnSync('ipvsadm', ['-R'], { input: input.join('') });
  setBuffer(subject.fd, SO_RCVBUFFORCE, SMALLEST);
  const wish = table({ ...subject.good, destinations: [one, ...MANY] });
  const outcome = outcomeOf(subject, wish);
  setBuffer(subject.fd, SO_RCVBUFFORCE, 1 << 20);
  subject.close();
  return outcome;
}

export function runLived(directory: string) {
  const bad = (each: Service) => (good: Service) => table(good, each);
  return {
    refused: {
      ENOENT: refused(directory, bad({ ...away, scheduler: 'best' })),
      EINVAL: refused(directory, (good) =>
        table({ ...good, destinations: [one, server('224.0.0.1', 80)] }),
      ),
      ERANGE: refused(directory, (good) =>
        table({ ...good, destinations: [{ ...one, upperThreshold: 5, lowerThreshold: 9 }] }),
      ),
    },
    overtaken: {
      EEXIST: overtaken(
        directory,
        ['-a', '-t', '10.50.1.1:80', '-r', '10.0.0.2:80', '-g'],
        (good) => table({ ...good, destinations: [one, two] }),
      ),
      ESRCH: overtaken(directory, ['-D', '-t', '10.50.1.1:80'], (good) =>
        table({ ...good, destinations: [{ ...one, weight: 5 }] }),
      ),
      ENOENT: overtaken(directory, ['-d', '-t', '10.50.1.1:80', '-r', '10.0.0.1:80'], (good) =>
        table({ ...good, destinations: [{ ...one, weight: 5 }] }),
      ),
      ENOBUFS: deafened(directory),
    },
    tooLong: tooLong(directory),
  };
}

/** In a process of its own, because what is dropped does not come back. */
export function runUnprivileged(directory: string) {
  const subject = new Subject(directory);
  limitSelf([]);
  subject.lines.length = 0;
  subject.wish(table({ ...subject.good, destinations: [one, two] }));
  subject.look();
  subject.look();
  const { errors, lastError } = subject.reconciler.snapshot();
  return {
    errors,
    code: lastError?.code,
    detail: lastError?.detail,
    told: subject.lines.filter((line) => line.startsWith('error')).length,
  };
}

function isSame(actual: Table, wanted: Table): boolean {
  const text = (each: Table): string =>
    [...each.values()]
      .map(
        (one) => `${serviceName(one)} ${one.destinations.map((it) => JSON.stringify(it)).sort()}`,
      )
      .sort()
      .join('\n');
  return text(actual) === text(wanted);
}

/** Descriptors that are sockets. */
function sockets(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
      } catch {
        // The descriptor of the directory itself.
        return false;
      }
    })
    .map(Number);
}

function ipvsadm(...options: readonly string[]): string {
  return execFileSync('ipvsadm', options, { encoding: 'utf8' });
}
