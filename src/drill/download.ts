/** A long download through the VIP, while it runs. */
import { OBSERVATION_DEADLINE_MS } from './bounds.ts';
import { type ClientOptions, programPath } from './client.ts';
import { poll } from './command.ts';
import type { DownloadReport } from './downloader.ts';
import { PAGES, SERVICE_PORT, type ServerName, VIRTUAL_ADDRESS } from './lab.ts';
import { NodeProcess } from './node-process.ts';

export type DownloadEnd = Extract<DownloadReport, { kind: 'ended' }>;

/** A connection without a byte for so long is dead: the server sends one ten times a second. */
const STALL_MS = 5_000;
/** One in a million that each falls to the other server. */
const ATTEMPTS_MAX = 20;

export class Download {
  readonly #options: ClientOptions;
  readonly #process: NodeProcess;
  readonly #reports: DownloadReport[] = [];

  private constructor(options: ClientOptions, seconds: number) {
    this.#options = options;
    this.#process = new NodeProcess({
      argv: [
        ...[...options.on, process.execPath, programPath('downloader')],
        ...[`http://${VIRTUAL_ADDRESS}:${SERVICE_PORT}/download/${seconds}`, String(seconds)],
        ...[String(STALL_MS), String(options.takePorts(1))],
      ],
      logPath: options.logPath,
      onLine: (line) => this.#reports.push(JSON.parse(line) as DownloadReport),
    });
  }

  /** Starts downloads, one after the other, until this server has one; the load beside it has its turns too. */
  static async from(
    server: ServerName,
    seconds: number,
    options: ClientOptions,
  ): Promise<Download> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const download = new Download(options, seconds);
      const page = await download.#began();
      if (page === PAGES[server]) return download;
      await download.#process.stop('SIGKILL');
    }
    throw new Error(`No download was served by ${server}`);
  }

  get end(): DownloadEnd | undefined {
    return this.#reports.find((report) => report.kind === 'ended');
  }

  /** Waits for its end, however it ends. */
  async ended(): Promise<DownloadEnd> {
    await this.#process.ended();
    const { end } = this;
    if (end === undefined) throw new Error(`The download ended untold: ${this.#process.ending}`);
    return end;
  }

  async #began(): Promise<string> {
    const began = await poll(() => this.#reports[0], {
      deadlineMs: OBSERVATION_DEADLINE_MS,
      signal: this.#options.signal,
    });
    if (!began.ok) throw new Error('The download does not begin');
    return began.value.kind === 'began' ? began.value.page : (began.value.error ?? '');
  }
}
