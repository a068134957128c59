/** A daemon as a user runs it, and the commands that ask it, inside a lab kernel. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

export interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, without a shell. */
export function run(command: string, ...args: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(command, args, { encoding: 'utf8', timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({ status: typeof code === 'number' ? code : -1, stdout, stderr });
    });
  });
}

export async function text(command: string, ...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(command, ...args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Asks until it is so, at most 30 s. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (let left = 300; left > 0; left -= 1) {
    if (await isSo()) return;
    await pause(100);
  }
  throw new Error(`Never: ${what}`);
}

export class Director {
  readonly directory: string;
  readonly file: string;
  log = '';
  #process: ChildProcess | undefined;

  constructor(directory: string) {
    this.directory = directory;
    this.file = `${directory}/lvs.conf`;
    mkdirSync(directory, { recursive: true });
  }

  get socket(): string {
    return `${this.directory}/run/control.sock`;
  }

  /** Starts with this configuration, and waits for its answer. */
  async start(config: string, ...options: readonly string[]): Promise<void> {
    writeFileSync(this.file, config);
    const args = ['run', '-f', this.file, '--socket', this.socket, ...options];
    const daemon = spawn('bin/lvsd', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    daemon.stderr.setEncoding('utf8').on('data', (chunk) => {
      this.log += String(chunk);
    });
    this.#process = daemon;
    await until('the daemon answers', async () => (await this.ask('status')).status === 0);
    await until('the table is shown', async () => (await this.ask('ipvs')).status === 0);
  }

  /** `lvsd WORDS --socket …`. */
  ask(...words: readonly string[]): Promise<Said> {
    return run('bin/lvsd', ...words, '--socket', this.socket);
  }

  async askJson(...words: readonly string[]): Promise<unknown> {
    const { stdout } = await this.ask(...words, '--json');
    return JSON.parse(stdout);
  }

  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null> {
    const daemon = this.#process;
    if (daemon === undefined) throw new Error('The daemon was never started');
    return new Promise((resolve) => {
      daemon.once('exit', resolve);
      daemon.kill('SIGTERM');
    });
  }

  signal(name: 'SIGHUP' | 'SIGTERM'): void {
    this.#process?.kill(name);
  }
}
