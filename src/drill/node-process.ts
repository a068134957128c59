/**
 * A program that runs on a node of the lab for a while: a director, a web server, the prober, tcpdump.
 * `ip netns exec` becomes the program, so the child's process id is the program's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { OBSERVATION_DEADLINE_MS } from './bounds.ts';
import { searchPath } from './command.ts';

export interface NodeProcessOptions {
  /** Arguments in front that put it on its node, and the program with its own. */
  readonly argv: readonly string[];
  /** Standard error, and standard output when nobody reads it by line, are appended to this file. */
  readonly logPath: string;
  readonly onLine?: (line: string) => void;
  /** Lines of standard error go here instead of the log file. */
  readonly onErrorLine?: (line: string) => void;
}

export class NodeProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #failure: Error | undefined;

  constructor({ argv, logPath, onLine, onErrorLine }: NodeProcessOptions) {
    const [file = '', ...args] = argv;
    const log = openSync(logPath, 'a');
    this.#child = spawn(file, args, {
      env: { ...process.env, PATH: searchPath() },
      stdio: [
        'ignore',
        onLine === undefined ? log : 'pipe',
        onErrorLine === undefined ? log : 'pipe',
      ],
    });
    this.#child.on('error', (error) => {
      this.#failure = error;
    });
    // 'close' comes when its output has been read to the end, after 'exit'.
    this.#exited = once(this.#child, 'close').then(
      () => undefined,
      () => undefined,
    );
    this.#readLines(this.#child.stdout, onLine);
    this.#readLines(this.#child.stderr, onErrorLine);
  }

  get isRunning(): boolean {
    const { exitCode, signalCode } = this.#child;
    return this.#failure === undefined && exitCode === null && signalCode === null;
  }

  /** `exit status 3`, `SIGKILL`, or why it could not be started: for messages. */
  get ending(): string {
    if (this.#failure !== undefined) return this.#failure.message;
    return this.#child.signalCode ?? `exit status ${this.#child.exitCode}`;
  }

  get exitCode(): number | undefined {
    return this.#child.exitCode ?? undefined;
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(name);
  }

  /** Resolves when the program has ended and its output was read. */
  async ended(): Promise<void> {
    await this.#exited;
  }

  /** Sends the signal and waits; SIGKILL when it does not end in time. Resolves to whether it obeyed. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<boolean> {
    this.signal(name);
    let obeyed = true;
    const timer = setTimeout(() => {
      obeyed = false;
      this.signal('SIGKILL');
    }, OBSERVATION_DEADLINE_MS);
    await this.#exited;
    clearTimeout(timer);
    return obeyed;
  }

  #readLines(stream: ChildProcess['stdout'], onLine?: (line: string) => void): void {
    if (stream === null || onLine === undefined) return;
    createInterface({ input: stream }).on('line', onLine);
  }
}
