/**
 * The lab while it runs: nodes, the programs on them, and what independent readers (`ip`, `ipvsadm`,
 * `tcpdump`) see there. What is done to it and seen of it goes through here; what it means is for the
 * scenarios.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OBSERVATION_DEADLINE_MS } from './bounds.ts';
import { Client, type ClientOptions, programPath } from './client.ts';
import { nowMs, poll, run } from './command.ts';
import { type Edit, edited } from './configuration.ts';
import { CONFIGURATION, type DirectorProgram, nodeDirectory } from './director.ts';
import { Download } from './download.ts';
import { parseIpvsadm, type TableLine } from './ipvs-table.ts';
import {
  DIRECTOR_NAMES,
  type DirectorName,
  type NodeName,
  PAGES,
  SERVER_NAMES,
  SERVICE_PORT,
  type ServerName,
  VIRTUAL_ADDRESS,
} from './lab.ts';
import { NodeProcess } from './node-process.ts';
import { bringUpRealServer } from './real-server.ts';
import { isAlive, Topology } from './topology.ts';
import { Wire } from './wire.ts';

const RUN_DIRECTORY_PATTERN = /^lvsd-drill-(\d+)-/;
const LOG_TAIL_LINES = 15;
/** Source ports of the client: above those of services. */
const FIRST_PORT = 1_024;
const PORTS_END = 65_536;

export interface LabOptions {
  readonly program: DirectorProgram;
  /** Aborted when the drill is interrupted: every wait then rejects. */
  readonly signal: AbortSignal;
}

export class RunningLab {
  readonly program: DirectorProgram;
  readonly signal: AbortSignal;
  readonly #topology = new Topology();
  readonly #runDirectory: string;
  readonly #directors = new Map<DirectorName, NodeProcess>();
  readonly #webServers = new Map<ServerName, NodeProcess>();
  /** Unplugged and dead: machines that are off. */
  readonly #off = new Set<DirectorName>();
  #wire: Wire | undefined;
  #nextPort = FIRST_PORT;

  private constructor({ program, signal }: LabOptions) {
    this.program = program;
    this.signal = signal;
    removeStaleRunDirectories();
    this.#runDirectory = mkdtempSync(join(tmpdir(), `lvsd-drill-${process.pid}-`));
    this.configure();
    process.once('exit', this.#destroy);
  }

  /** Network, real servers with their pages, and the client's ear on the wire; no director yet. */
  static async open(options: LabOptions): Promise<RunningLab> {
    const lab = new RunningLab(options);
    try {
      await lab.#topology.create();
      for (const server of SERVER_NAMES) {
        await bringUpRealServer(lab.#topology, server, {
          program: options.program.name,
          directory: nodeDirectory(lab.#runDirectory, server),
        });
        await lab.startWebServer(server);
      }
      lab.#wire = await Wire.open(lab.clientOptions);
      return lab;
    } catch (error) {
      lab.close();
      throw error;
    }
  }

  /** Ends every process of the lab and removes all it made. Blocking, and safe to call twice. */
  close(): void {
    process.off('exit', this.#destroy);
    this.#destroy();
  }

  get wire(): Wire {
    if (this.#wire === undefined) throw new Error('The lab is not open');
    return this.#wire;
  }

  get clientOptions(): ClientOptions {
    return {
      on: this.#topology.on('client'),
      logPath: this.#logPath('client'),
      signal: this.signal,
      takePorts: (count) => this.#takePorts(count),
    };
  }

  /** Requests a few pages through the VIP, one after the other. */
  fetchPages(count: number): Promise<readonly string[]> {
    return Client.fetchPages(this.clientOptions, count);
  }

  isOff(director: DirectorName): boolean {
    return this.#off.has(director);
  }

  isRunning(director: DirectorName): boolean {
    return this.#directors.get(director)?.isRunning ?? false;
  }

  /** Starts the program under drill; returns when (CLOCK_MONOTONIC, ms). */
  startDirector(director: DirectorName): number {
    const directory = nodeDirectory(this.#runDirectory, director);
    const command = this.program.command(director, this.#configurationFile, directory);
    const argv = [...this.#topology.on(director), ...command];
    const startedAtMs = nowMs();
    this.#directors.set(director, new NodeProcess({ argv, logPath: this.#logPath(director) }));
    return startedAtMs;
  }

  /**
   * Starts the program under drill and waits until its instance takes part in the election; returns when
   * its log said so, as seen by a look every few ms (CLOCK_MONOTONIC, ms).
   */
  async startAndJoin(director: DirectorName): Promise<number> {
    const joined = (): number => {
      const log = readLines(this.#logPath(director)).join('\n');
      return [...log.matchAll(this.program.joinedElection)].length;
    };
    const before = joined();
    this.startDirector(director);
    const seen = await poll(() => (joined() > before ? true : undefined), {
      deadlineMs: OBSERVATION_DEADLINE_MS,
      signal: this.signal,
    });
    if (!seen.ok) throw new Error(`${director} does not join the election`);
    return seen.atMs;
  }

  /** The file of both directors from now on: conf/lvs.conf with these edits. Nobody is told. */
  configure(...edits: readonly Edit[]): void {
    writeFileSync(this.#configurationFile, edited(readFileSync(CONFIGURATION, 'utf8'), edits));
  }

  /** SIGHUP to the programs of both directors; returns when it was sent. */
  reload(): number {
    const sentAtMs = nowMs();
    for (const process of this.#directors.values()) process.signal('SIGHUP');
    return sentAtMs;
  }

  /** SIGKILL to every process of the program; its machine goes on. Returns when they were gone. */
  async killProgram(director: DirectorName): Promise<number> {
    await this.#topology.killAll(director);
    await this.#directors.get(director)?.ended();
    return nowMs();
  }

  /** What the program tells of what has happened; empty where it has no such command. */
  async events(director: DirectorName): Promise<string> {
    const { events } = this.program;
    return events === undefined ? '' : this.#command(director, events);
  }

  /** What the program has logged so far. */
  log(director: DirectorName): string {
    return readLines(this.#logPath(director)).join('\n');
  }

  /** A long download through the VIP that this server serves. */
  download(server: ServerName, seconds: number): Promise<Download> {
    return Download.from(server, seconds, this.clientOptions);
  }

  /** `ipvsadm` on a director: a stranger's hand, or an independent reader. */
  ipvsadm(director: DirectorName, ...words: readonly string[]): Promise<string> {
    return run([...this.#topology.on(director), 'ipvsadm', ...words]);
  }

  /** SIGTERM to the program's first process; returns when it was sent. */
  terminateDirector(director: DirectorName): number {
    const sentAtMs = nowMs();
    this.#directors.get(director)?.signal('SIGTERM');
    return sentAtMs;
  }

  /**
   * The operator's command that hands mastership over, to its end; returns when it was started and what
   * it printed. Rejects with CommandFailed when it was refused or nobody took over.
   */
  async handOver(
    director: DirectorName,
  ): Promise<{ readonly startedAtMs: number; readonly output: string }> {
    const { handover } = this.program;
    if (handover === undefined) throw new Error(`${this.program.name} cannot hand over`);
    const startedAtMs = nowMs();
    return { startedAtMs, output: await this.#command(director, handover) };
  }

  /** What the command says; its program has begun anew then. */
  restartInPlace(director: DirectorName): Promise<string> {
    const { restart } = this.program;
    if (restart === undefined) throw new Error(`${this.program.name} cannot restart in place`);
    return this.#command(director, restart);
  }

  #command(
    director: DirectorName,
    words: (directory: string) => readonly string[],
  ): Promise<string> {
    const directory = nodeDirectory(this.#runDirectory, director);
    return run([...this.#topology.on(director), ...words(directory)]);
  }

  /** Waits until the program's first process has ended. */
  async directorEnding(director: DirectorName): Promise<string> {
    const process = this.#directors.get(director);
    await process?.stop('SIGTERM');
    return process?.ending ?? 'was never started';
  }

  /** The machine dies, unplugged and killed whole; returns when (CLOCK_MONOTONIC, ms). */
  async crashDirector(director: DirectorName): Promise<number> {
    const crashedAtMs = await this.#topology.crash(director);
    this.#off.add(director);
    return crashedAtMs;
  }

  /** The machine is back: booted, its cable in, the program not yet started. */
  async bootDirector(director: DirectorName): Promise<void> {
    await this.#topology.reboot(director);
    // What a machine keeps under /run is gone with the boot.
    rmSync(nodeDirectory(this.#runDirectory, director), { recursive: true });
    await this.#topology.plug(director);
    this.#off.delete(director);
  }

  /** Starts a web server; resolves when it listens, with that time. */
  async startWebServer(server: ServerName): Promise<number> {
    let isListening = false;
    const web = new NodeProcess({
      argv: [
        ...[...this.#topology.on(server), process.execPath, programPath('web-server')],
        ...[String(SERVICE_PORT), PAGES[server]],
      ],
      logPath: this.#logPath(server),
      onLine: (line) => {
        if (line === 'listening') isListening = true;
      },
    });
    this.#webServers.set(server, web);
    const started = await poll(() => (isListening || !web.isRunning ? true : undefined), {
      deadlineMs: OBSERVATION_DEADLINE_MS,
      signal: this.signal,
    });
    if (!started.ok || !isListening) {
      throw new Error(`The web server of ${server} does not listen: ${web.ending}`);
    }
    return nowMs();
  }

  /** SIGKILL to the web server; its machine goes on. Returns when it was sent. */
  killWebServer(server: ServerName): number {
    const killedAtMs = nowMs();
    this.#webServers.get(server)?.signal('SIGKILL');
    return killedAtMs;
  }

  /** `ipvsadm -Ln` of a director. */
  async table(director: DirectorName): Promise<readonly TableLine[]> {
    return parseIpvsadm(await run([...this.#topology.on(director), 'ipvsadm', '-Ln']));
  }

  /** Whether `ip address` of a director shows the VIP. */
  async holdsVip(director: DirectorName): Promise<boolean> {
    const namespace = this.#topology.namespace(director);
    const text = await run(['ip', '-n', namespace, '-4', '-o', 'address', 'show']);
    return text.includes(` ${VIRTUAL_ADDRESS}/`);
  }

  processes(node: NodeName): Promise<readonly number[]> {
    return this.#topology.processes(node);
  }

  /** The last lines the directors logged, for a step that did not hold. */
  logTails(): readonly string[] {
    return DIRECTOR_NAMES.flatMap((director) => {
      const lines = readLines(this.#logPath(director)).slice(-LOG_TAIL_LINES);
      return [`last lines of ${director}:`, ...lines.map((line) => `  ${line}`)];
    });
  }

  get #configurationFile(): string {
    return join(this.#runDirectory, 'lvs.conf');
  }

  #logPath(node: NodeName): string {
    return join(nodeDirectory(this.#runDirectory, 'logs'), node);
  }

  /** All ports were had once: from the first again, whose connections are long forgotten. */
  #takePorts(count: number): number {
    if (this.#nextPort + count > PORTS_END) this.#nextPort = FIRST_PORT;
    const first = this.#nextPort;
    this.#nextPort += count;
    return first;
  }

  readonly #destroy = (): void => {
    this.#topology.destroy();
    rmSync(this.#runDirectory, { recursive: true, force: true });
  };
}

function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n');
  } catch {
    return ['(nothing logged)'];
  }
}

/** Directories of drills that were killed before they could tidy up. */
function removeStaleRunDirectories(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(RUN_DIRECTORY_PATTERN.exec(name)?.[1] ?? process.pid);
    if (pid !== process.pid && !isAlive(pid)) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}
