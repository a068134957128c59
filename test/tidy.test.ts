/**
 * The rules of docs/ARCHITECTURE.md, read off the source: rules that are not tests decay. A new file is
 * pure unless it is listed as a driver here, so that forgetting to decide fails closed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

interface SourceFile {
  /** Relative to src/. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** Without comments and string contents. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    return {
      path,
      room: path.split('/')[0] ?? '',
      text,
      code: strip(text),
      imports: imports(text),
    };
  });

function strip(text: string): string {
  return (
    text
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
      .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
      // Of a template only the expressions are code, and a word of prose in it is no call.
      .replace(/`(?:[^`\\]|\\.)*`/g, (text) => (text.match(/\$\{[^}]*\}/g) ?? []).join(' '))
  );
}

function imports(text: string): readonly Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export) ([^;]*?)from '([^']+)'/gm)) {
    const clause = match[1] ?? '';
    const names = clause
      .replace(/[{}\s]/g, '')
      .split(',')
      .filter((name) => name !== '');
    const each =
      clause.includes('{') && (clause.match(/\btype \w+/g) ?? []).length === names.length;
    found.push({ target: match[2] ?? '', isTypeOnly: clause.startsWith('type ') || each });
  }
  for (const match of text.matchAll(/^import '([^']+)'|\bimport\('([^']+)'\)/gm)) {
    found.push({ target: match[1] ?? match[2] ?? '', isTypeOnly: false });
  }
  return found;
}

/** The file in src/ that a relative import names. */
function resolved(file: SourceFile, target: string): string {
  return relative(SRC, resolve(dirname(join(SRC, file.path)), target));
}

const isRelative = ({ target }: Import): boolean => target.startsWith('.');

/** What each room may import from. R1: vrrp, health, ipvs and bfd never meet. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  config: ['base'],
  kernel: ['base'],
  vrrp: ['base', 'config', 'kernel'],
  health: ['base', 'config', 'kernel'],
  ipvs: ['base', 'config', 'kernel'],
  bfd: ['base', 'config', 'kernel'],
  host: ['base', 'config', 'kernel'],
  observe: ['base', 'config', 'vrrp', 'health', 'ipvs', 'bfd', 'host'],
  daemon: ['base', 'config', 'kernel', 'vrrp', 'health', 'ipvs', 'bfd', 'host', 'observe'],
  drill: ['base', 'config'],
  cli: [
    'base',
    'config',
    'kernel',
    'vrrp',
    'health',
    'ipvs',
    'bfd',
    'host',
    'observe',
    'daemon',
    'drill',
  ],
};

/** R3: one door for each package. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  koffi: ['kernel/libc.ts'],
  'dns-packet': ['health/dns.ts'],
  pino: ['base/log-pino.ts'],
  commander: ['cli/'],
};

/** Doors of node's own modules: plain names elsewhere would hide who listens on the network. */
const NODE_DOORS: Readonly<Record<string, readonly string[]>> = {
  'node:dgram': ['vrrp/transport-udp.ts'],
};

/** What pure files may take from node: no clock, no chance, no I/O. Of crypto only the hashes. */
const PURE_IN_NODE: readonly string[] = ['node:net', 'node:path', 'node:crypto'];

/** Files that do I/O. Everything else in src/ is pure. */
const DRIVERS: readonly string[] = [
  'base/clock.ts',
  'base/log-pino.ts',
  'config/load.ts',
  'kernel/',
  'health/agent.ts',
  'health/body-pattern.ts',
  'health/connection.ts',
  'health/conversation.ts',
  'health/datagram-exchange.ts',
  'health/dns.ts',
  'health/dsr.ts',
  'health/engine.ts',
  'health/http-reply.ts',
  'health/http.ts',
  'health/https-line.ts',
  'health/https.ts',
  'health/ping.ts',
  'health/prepared.ts',
  'health/redis.ts',
  'health/runner.ts',
  'health/smtp.ts',
  'health/text-lines.ts',
  'health/tls-client.ts',
  'health/timers.ts',
  'health/tcp.ts',
  'health/udp.ts',
  'ipvs/client.ts',
  'ipvs/listing-file.ts',
  'ipvs/owned-services.ts',
  'ipvs/ownership.ts',
  'ipvs/reconciler.ts',
  'ipvs/settings.ts',
  'vrrp/instance.ts',
  'vrrp/transport-udp.ts',
  'host/realserver.ts',
  'daemon/address-firewall.ts',
  'daemon/address-watch.ts',
  'daemon/announcer.ts',
  'daemon/bfd-guard.ts',
  'daemon/bfd-process.ts',
  'daemon/check-scripts.ts',
  'daemon/child-channel.ts',
  'daemon/child-handle.ts',
  'daemon/conflict-watch.ts',
  'daemon/control-client.ts',
  'daemon/control-server.ts',
  'daemon/fifo.ts',
  'daemon/file-trackers.ts',
  'daemon/followers.ts',
  'daemon/give-up.ts',
  'daemon/health-guard.ts',
  'daemon/health-process.ts',
  'daemon/host-state.ts',
  'daemon/instance-host.ts',
  'daemon/instance-transport.ts',
  'daemon/launched-scripts.ts',
  'daemon/link-beliefs.ts',
  'daemon/local-igmp.ts',
  'daemon/next-start.ts',
  'daemon/notices.ts',
  'daemon/notify.ts',
  'daemon/own-interface.ts',
  'daemon/placement.ts',
  'daemon/preflight-facts.ts',
  'daemon/process-trackers.ts',
  'daemon/processes.ts',
  'daemon/rehearsal.ts',
  'daemon/reload-queue.ts',
  'daemon/script-runner.ts',
  'daemon/script-trackers.ts',
  'daemon/snapshots.ts',
  'daemon/succession.ts',
  'daemon/static-placement.ts',
  'daemon/supervisor.ts',
  'daemon/timers.ts',
  'daemon/trackers.ts',
  'daemon/vrrp-guard.ts',
  'daemon/vrrp-process.ts',
  'drill/',
  'cli/',
];

/** Files below kernel/ that are codecs: pure all the same. */
const PURE_IN_KERNEL: readonly string[] = [
  'kernel/ip-header.ts',
  'kernel/linux.ts',
  'kernel/netlink.ts',
  'kernel/process-event-codec.ts',
  'kernel/nftables.ts',
  'kernel/own-interface.ts',
  'kernel/routes.ts',
  'kernel/rtnetlink.ts',
  'kernel/rules.ts',
  'kernel/sockaddr.ts',
];

const isDriver = (path: string): boolean =>
  !PURE_IN_KERNEL.includes(path) &&
  DRIVERS.some((driver) => path === driver || (driver.endsWith('/') && path.startsWith(driver)));

const IMPURE =
  /\b(?:await|async)\b|\b(?:setTimeout|setInterval|setImmediate|fetch|require)\(|\b(?:performance|console|process|Atomics)\.|\bDate\.now|new Date\b|Math\.random|\brandom(?:Bytes|UUID|Int|Fill)\b|getRandomValues/;

describe('the source', () => {
  it('keeps its layers: a room imports only from the rooms below it (R1)', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter(isRelative)
        .map(({ target }) => resolved(file, target))
        .filter((target) => {
          const room = target.split('/')[0] ?? '';
          return room !== file.room && !LAYERS[file.room]?.includes(room);
        })
        .map((target) => `${file.path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('imports each package through its one door, and no other package (R3)', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((each) => !isRelative(each) && !each.target.startsWith('node:'))
        .filter(({ target }) => !DOORS[target]?.some((door) => file.path.startsWith(door)))
        .map(({ target }) => `${file.path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('opens UDP sockets in one place (R3)', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter(({ target }) => NODE_DOORS[target]?.includes(file.path) === false)
        .map(({ target }) => `${file.path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('is pure where it is not a driver: no clock, chance, process, waiting or I/O (R2)', () => {
    const wrong = files
      .filter(({ path }) => !isDriver(path))
      .flatMap((file) => {
        const word = IMPURE.exec(file.code)?.[0];
        const driver = file.imports.find(
          (each) =>
            !each.isTypeOnly &&
            (isRelative(each)
              ? isDriver(resolved(file, each.target))
              : !PURE_IN_NODE.includes(each.target)),
        );
        return [word, driver?.target].flatMap((why) =>
          why === undefined ? [] : [`${file.path}: ${why}`],
        );
      });
    expect(wrong).toEqual([]);
  });

  it('lists no driver that is not there', () => {
    expect(DRIVERS.filter((path) => !existsSync(join(SRC, path)))).toEqual([]);
  });

  it('has no import cycle, types counted (R2)', () => {
    const edges = new Map(
      files.map((file) => [
        file.path,
        file.imports.filter(isRelative).map(({ target }) => resolved(file, target)),
      ]),
    );
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): readonly string[] => {
      if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
      if (done.has(path)) return [];
      for (const next of edges.get(path) ?? []) {
        const cycle = visit(next, [...trail, path]);
        if (cycle.length > 0) return cycle;
      }
      done.add(path);
      return [];
    };
    expect(files.map(({ path }) => visit(path, [])).filter((cycle) => cycle.length > 0)).toEqual(
      [],
    );
  });

  it.each(['vrrp', 'bfd'])('loads nothing but node core and koffi into the %s process', (name) => {
    const packages = new Set<string>();
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      const file = files.find((each) => each.path === path);
      for (const each of file?.imports.filter(({ isTypeOnly }) => !isTypeOnly) ?? []) {
        if (isRelative(each)) visit(resolved({ ...file, path } as SourceFile, each.target));
        else if (!each.target.startsWith('node:')) packages.add(each.target);
      }
    };
    visit(`daemon/${name}-process.ts`);
    expect([...packages]).toEqual(['koffi']);
  });

  it('names files for what they hold, and keeps them readable', () => {
    const names = files.filter(({ path }) =>
      /(?:^|[/-])(?:index|util|utils|helper|helpers|common|manager|misc)\.ts$/.test(path),
    );
    expect(names.map(({ path }) => path)).toEqual([]);
    const long = files.filter(({ text }) => text.split('\n').length > 600);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('leaves no loose ends', () => {
    const loose = /\bTODO\b|\bFIXME\b|\bXXX\b|@ts-ignore|@ts-expect-error|\bas any\b|as unknown as/;
    expect(files.filter(({ text }) => loose.test(text)).map(({ path }) => path)).toEqual([]);
  });
});
