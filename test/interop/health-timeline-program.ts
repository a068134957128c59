/**
 * One turn of health-timeline.test.ts, where the kernel has IPVS: starts `lvsd` or `keepalived` on the file
 * below, does to its servers what the seed says, and samples `ipvsadm -Ln`. Judges nothing; prints one JSON
 * document: `node health-timeline-program.ts SEED lvsd|keepalived`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Flip,
  INTERVAL_MS,
  narrowed,
  readTable,
  SAMPLE_MS,
  type Sample,
  type TableState,
  type Timeline,
  textOf,
} from './health-timeline.ts';
import {
  answeringDatagrams,
  answeringNames,
  answeringPings,
  greeting,
  type Knob,
  listening,
  type Place,
  page,
  stayOpen,
  UDP_REQUEST,
  written,
} from './health-timeline-servers.ts';

export interface TimelineReport {
  /** What was done side by side, each with the services that it was done to. */
  readonly lanes: readonly Timeline[];
  readonly log: string;
}

const RETRY_MS = 200;
const START_MS = 60_000;
const QUIET_MS = 2500;
const DIRECTORY = '/tmp/timeline';
const GOOD = 'all is well';
const DIGEST = createHash('md5').update(GOOD).digest('hex');

/** The last byte of each server, by what it is for. */
const SERVERS = {
  tcpOne: 11,
  tcpTwo: 12,
  status: 21,
  digest: 22,
  regex: 23,
  script: 31,
  dynamic: 32,
  file: 33,
  quorumOne: 41,
  quorumTwo: 42,
  inhibited: 51,
  alpha: 61,
  datagrams: 71,
  replies: 72,
  names: 81,
  mail: 91,
  echo: 101,
} as const;

type Subject = keyof typeof SERVERS;

const addressOf = (subject: Subject): string => `10.81.0.${SERVERS[subject]}`;
const at = (subject: Subject): Place => ({ subject, address: addressOf(subject) });

const timing = (retry: number): string =>
  `      retry ${retry}\n      delay_before_retry ${RETRY_MS / 1000}\n`;

function checked(subject: Subject, checker: string, lines = ''): string {
  return `  real_server ${addressOf(subject)} 80 {\n    weight 10\n${lines}${checker}  }\n`;
}

function plain(checker: string, lines = ''): string {
  return `    ${checker} {\n${lines}      connect_timeout 1\n${timing(1)}    }\n`;
}

const tcp = plain('TCP_CHECK');

function web(url: string): string {
  return plain('HTTP_GET', `      url {\n        path /\n${url}      }\n`);
}

function script(name: string, lines = ''): string {
  const command = `      misc_path "${DIRECTORY}/check.sh ${DIRECTORY}/${name}"\n`;
  return `    MISC_CHECK {\n${command}      misc_timeout 2\n${lines}    }\n`;
}

const serviceAddress = (last: number): string => `10.81.0.${last}:80`;

function service(last: number, servers: readonly string[], lines = ''): string {
  const head = `  delay_loop ${INTERVAL_MS / 1000}\n  lvs_sched wrr\n  lvs_method NAT\n  protocol TCP\n`;
  return `virtual_server 10.81.0.${last} 80 {\n${head}${lines}${servers.join('')}}\n`;
}

const REQUIRED_REPLY = `      payload ${UDP_REQUEST.payload}\n      require_reply ${UDP_REQUEST.reply}\n`;
const SORRY = '  sorry_server 10.81.0.99 80\n';

function configuration(): string {
  return [
    'global_defs {\n  router_id timeline\n  script_user nobody\n}\n',
    `track_file points {\n  file ${DIRECTORY}/points\n}\n`,
    service(1, [checked('tcpOne', tcp), checked('tcpTwo', tcp)]),
    service(2, [
      checked('status', web('        status_code 200 302\n')),
      checked('digest', web(`        digest ${DIGEST}\n`)),
      checked('regex', web('        regex "is (well|fine)"\n')),
    ]),
    service(3, [
      checked('script', script('script')),
      checked('dynamic', script('dynamic', '      misc_dynamic\n')),
      checked('file', '    FILE_CHECK {\n      track_file points\n      weight 1\n    }\n'),
    ]),
    service(4, [checked('quorumOne', tcp), checked('quorumTwo', tcp)], `  quorum 20\n${SORRY}`),
    service(5, [checked('inhibited', tcp, '    inhibit_on_failure\n')], SORRY),
    service(6, [checked('alpha', tcp)], '  alpha\n'),
    service(7, [
      checked('datagrams', plain('UDP_CHECK')),
      checked('replies', plain('UDP_CHECK', REQUIRED_REPLY)),
    ]),
    service(8, [checked('names', plain('DNS_CHECK', '      type A\n      name lab.example\n'))]),
    service(9, [checked('mail', plain('SMTP_CHECK'))]),
    service(10, [checked('echo', plain('PING_CHECK'))]),
  ].join('');
}

interface Lane {
  /** The last byte of each. */
  readonly services: readonly number[];
  readonly knobs: readonly Knob[];
  /** From one flip to the next, ms: everything has settled by then. */
  readonly gapMs: number;
}

/** One thing after the other in each, and all of them side by side: they share nothing but the table. */
const LANES: readonly Lane[] = [
  {
    services: [1, 2, 3, 4, 5, 6],
    gapMs: 4000,
    knobs: [
      listening(at('tcpOne')),
      page(at('status'), ['200', '500', '302'], GOOD),
      page(at('digest'), [GOOD, 'something else'], GOOD),
      page(at('regex'), [GOOD, 'all is lost'], GOOD),
      written('script', `${DIRECTORY}/script`, ['0', '1']),
      written('dynamic', `${DIRECTORY}/dynamic`, ['0', '42', '1']),
      // At -254 keepalived 2.2.7 gives weight 0, where later ones and we take the server out: not compared.
      written('file', `${DIRECTORY}/points`, ['0', '5', '-10'], true),
      listening(at('quorumOne')),
      listening(at('quorumTwo')),
      listening(at('inhibited')),
      listening(at('alpha'), ['is gone', 'listens']),
    ],
  },
  {
    services: [7, 8, 9, 10],
    // Silence is known to be one after the interval, and twice the timeout with the pause between.
    gapMs: 6000,
    knobs: [
      answeringDatagrams(at('datagrams'), ['listens', 'is gone']),
      answeringDatagrams(at('replies'), ['listens', 'answers otherwise', 'listens', 'is silent']),
      answeringNames(at('names'), ['listens', 'SERVFAIL', 'listens', 'is silent']),
      greeting(at('mail'), ['listens', 'refuses', 'listens', 'hangs up']),
      answeringPings(at('echo')),
    ],
  },
];

/** mulberry32: the same seed, the same turns. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Turn {
  readonly knob: Knob;
  readonly position: string;
}

/** Each knob through all its positions and back, all mixed; then all listeners at once, away and back. */
function schedule(knobs: readonly Knob[], random: () => number): readonly (readonly Turn[])[] {
  const left = knobs.map((knob) => ({
    knob,
    positions: [...knob.positions.slice(1), knob.positions[0] ?? ''],
  }));
  const turns: (readonly Turn[])[] = [];
  while (left.some(({ positions }) => positions.length > 0)) {
    const open = left.filter(({ positions }) => positions.length > 0);
    const { knob, positions } = open[Math.floor(random() * open.length)] ?? {};
    const position = positions?.shift();
    if (knob !== undefined && position !== undefined) turns.push([{ knob, position }]);
  }
  const racks = knobs.filter(({ positions }) => positions[0] === 'listens');
  for (const position of ['is gone', 'listens']) {
    turns.push(racks.map((knob) => ({ knob, position })));
  }
  return turns;
}

function startDaemon(name: string): ChildProcess {
  const file = `${DIRECTORY}/lvs.conf`;
  const pids = ['--pid', '--checkers_pid'].flatMap((option) => [option, `${DIRECTORY}/${option}`]);
  return name === 'lvsd'
    ? spawn('bin/lvsd', ['run', '-f', file, '--socket', `${DIRECTORY}/lvsd.sock`])
    : spawn('keepalived', ['--dont-fork', '--log-console', '--check', '--use-file', file, ...pids]);
}

/**
 * `ipvsadm -Ln` again and again, by a shell: a fork of this process would take longer than all else here. Times
 * are of the kernel, 10 ms apart.
 */
class Lookout {
  readonly samples: Sample[] = [];
  readonly #shell: ChildProcess;
  readonly #bootedMs: number;
  #text = '';

  constructor() {
    this.#bootedMs =
      performance.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    const pause = `sleep ${SAMPLE_MS / 1000}`;
    const loop = `while ipvsadm -Ln; do read up rest </proc/uptime; echo "at $up"; ${pause}; done`;
    this.#shell = spawn('sh', ['-c', loop], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#shell.stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
  }

  /** The last one; its time is that of performance.now(). */
  get last(): Sample {
    return this.samples.at(-1) ?? { atMs: 0, table: {} };
  }

  close(): void {
    this.#shell.kill();
  }

  #hear(text: string): void {
    this.#text += text;
    for (;;) {
      const [whole, listing = '', up] = /^([\s\S]*?)at ([\d.]+)\n/.exec(this.#text) ?? [];
      if (whole === undefined) return;
      this.#text = this.#text.slice(whole.length);
      this.samples.push({ atMs: this.#bootedMs + Number(up) * 1000, table: readTable(listing) });
    }
  }
}

/** The table once it has stood still for a while, which it does when every server was checked. */
async function settled(lookout: Lookout, services: number): Promise<TableState> {
  let since = lookout.last;
  for (const endMs = performance.now() + START_MS; performance.now() < endMs; ) {
    await pause(SAMPLE_MS);
    const now = lookout.last;
    if (textOf(now.table) !== textOf(since.table)) since = now;
    const isLoaded = Object.keys(now.table).length === services;
    if (isLoaded && now.atMs - since.atMs > QUIET_MS) return now.table;
  }
  throw new Error(`The table never stood still: ${textOf(lookout.last.table)}`);
}

async function takeTurn(name: string, seed: number): Promise<TimelineReport> {
  execFileSync('ip', ['link', 'add', 'eth0', 'type', 'dummy']);
  for (const device of ['lo', 'eth0']) execFileSync('ip', ['link', 'set', device, 'up']);
  const services = LANES.flatMap((lane) => lane.services);
  for (const last of [...services, ...Object.values(SERVERS)]) {
    execFileSync('ip', ['addr', 'add', `10.81.0.${last}/24`, 'dev', 'eth0']);
  }
  await stayOpen(at('tcpTwo'));
  for (const { turn, positions } of LANES.flatMap(({ knobs }) => knobs)) {
    await turn(positions[0] ?? '');
  }
  const daemon = startDaemon(name);
  let log = '';
  for (const stream of [daemon.stdout, daemon.stderr]) {
    stream?.on('data', (text) => {
      log += String(text);
    });
  }
  const lookout = new Lookout();
  try {
    const initial = await settled(lookout, services.length);
    const beganMs = performance.now();
    const random = chance(seed);
    const flips = await Promise.all(
      LANES.map(({ knobs, gapMs }) => flipAll(schedule(knobs, random), beganMs, gapMs)),
    );
    const samples = lookout.samples
      .map(({ atMs, table }) => ({ atMs: atMs - beganMs, table }))
      .filter(({ atMs }) => atMs > 0);
    const lanes = LANES.map(({ services }, index) =>
      narrowed({ initial, samples, flips: flips[index] ?? [] }, services.map(serviceAddress)),
    );
    return { lanes, log };
  } catch (cause) {
    throw new Error(`${name}: ${log}`, { cause });
  } finally {
    lookout.close();
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await gone;
  }
}

/** Each turn at its moment. */
async function flipAll(
  turns: readonly (readonly Turn[])[],
  beganMs: number,
  gapMs: number,
): Promise<readonly Flip[]> {
  const flips: Flip[] = [];
  for (const [index, turn] of turns.entries()) {
    const what = turn.map(({ knob, position }) => `${knob.subject}: ${position}`).join(', ');
    const isTold = turn.every(({ knob }) => knob.isTold === true);
    flips.push({ atMs: performance.now() - beganMs, what, isMany: turn.length > 1, isTold });
    for (const { knob, position } of turn) await knob.turn(position);
    await pause(Math.max(0, beganMs + (index + 1) * gapMs - performance.now()));
  }
  return flips;
}

function prepare(): void {
  mkdirSync(DIRECTORY, { recursive: true });
  chmodSync(DIRECTORY, 0o777);
  writeFileSync(`${DIRECTORY}/check.sh`, '#!/bin/sh\nexit "$(cat "$1")"\n');
  chmodSync(`${DIRECTORY}/check.sh`, 0o755);
  writeFileSync(`${DIRECTORY}/lvs.conf`, configuration());
}

const [seed = '1', name = 'lvsd'] = process.argv.slice(2);
prepare();
process.stdout.write(JSON.stringify(await takeTurn(name, Number(seed))));
process.exit(0);
