/** The client's side of the drill: runs the prober on the client and keeps what it reports. */
import { extname, join } from 'node:path';
import { OBSERVATION_DEADLINE_MS, REQUEST_INTERVAL_MS, REQUEST_TIMEOUT_MS } from './bounds.ts';
import { poll } from './command.ts';
import { SERVICE_PORT, VIRTUAL_ADDRESS } from './lab.ts';
import { NodeProcess } from './node-process.ts';
import { type ClientExperience, type RequestRecord, summarize } from './outage.ts';

export interface ClientOptions {
  /** Arguments that put a program on the client. */
  readonly on: readonly string[];
  readonly logPath: string;
  readonly signal: AbortSignal;
  /** Takes this many source ports that no client of the lab has had, and returns the first. */
  readonly takePorts: (count: number) => number;
}

/** A program of this folder, beside this file: .ts in the repository, .js when built. */
export function programPath(name: string): string {
  return join(import.meta.dirname, `${name}${extname(import.meta.filename)}`);
}

export class Client {
  readonly #options: ClientOptions;
  readonly #records: RequestRecord[] = [];
  readonly #prober: NodeProcess;
  #isReady = false;

  private constructor(options: ClientOptions, count: number) {
    this.#options = options;
    this.#prober = new NodeProcess({
      argv: [
        ...[...options.on, process.execPath, programPath('prober')],
        ...[`http://${VIRTUAL_ADDRESS}:${SERVICE_PORT}/`],
        ...[String(REQUEST_INTERVAL_MS), String(REQUEST_TIMEOUT_MS), String(count)],
        String(options.takePorts(count === 0 ? PORTS_OF_A_LOAD : count)),
      ],
      logPath: options.logPath,
      onLine: (line) => this.#read(line),
    });
  }

  /** Starts the steady load; resolves when the first answers are in. */
  static async start(options: ClientOptions): Promise<Client> {
    const client = new Client(options, 0);
    await client.requestsDone(REQUESTS_BEFORE_THE_FAULT);
    return client;
  }

  /** A few requests one after the other, and the pages of those that were answered. */
  static async fetchPages(options: ClientOptions, count: number): Promise<readonly string[]> {
    const client = new Client(options, count);
    await client.#prober.ended();
    return client.records.flatMap(({ ok, page }) => (ok && page !== undefined ? [page] : []));
  }

  /** In the order of their start. */
  get records(): readonly RequestRecord[] {
    return this.#records.toSorted((a, b) => a.startMs - b.startMs);
  }

  /** Waits until this many more requests have ended. */
  async requestsDone(count: number): Promise<void> {
    const wanted = this.#records.length + count;
    const done = await poll(
      () => (this.#records.length >= wanted || !this.#prober.isRunning ? true : undefined),
      { deadlineMs: OBSERVATION_DEADLINE_MS, signal: this.#options.signal },
    );
    if (!done.ok || !this.#prober.isRunning) {
      const state = this.#isReady ? 'stopped reporting' : 'never started';
      throw new Error(`The client's prober ${state}: ${this.#prober.ending}`);
    }
  }

  /** Ends the load, waits for the open requests, and says what the client felt. */
  async stop(): Promise<ClientExperience> {
    await this.#prober.stop('SIGTERM');
    return summarize(this.#records, REQUEST_INTERVAL_MS);
  }

  #read(line: string): void {
    if (line === 'ready') this.#isReady = true;
    else this.#records.push(parseRecord(line));
  }
}

/** Two minutes of load at 50 requests a second. */
const PORTS_OF_A_LOAD = 6_000;

/** Half a second of load. */
const REQUESTS_BEFORE_THE_FAULT = 25;

function parseRecord(line: string): RequestRecord {
  const value: unknown = JSON.parse(line);
  if (!isRecord(value)) throw new Error(`Not a record of the prober: ${line}`);
  return value;
}

function isRecord(value: unknown): value is RequestRecord {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'startMs' in value &&
    typeof value.startMs === 'number' &&
    'endMs' in value &&
    typeof value.endMs === 'number' &&
    'ok' in value &&
    typeof value.ok === 'boolean'
  );
}
