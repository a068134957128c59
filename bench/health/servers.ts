/** The servers of the bench (target.c), and what is compiled for it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Arrival, readArrivals } from './arrivals.ts';

export const PORT = 8080;
/** Each victim has a port of its own, so that it can be closed alone. */
export const VICTIM_PORT = 9000;

const root = join(import.meta.dirname, '..', '..');
/** Below the package, where the lab kernel sees it too. */
const built = join(root, 'dist', 'bench');

export const TARGET = join(built, 'target');
/** Loaded into keepalived where the kernel has no IPVS. */
export const IPVS_YES = join(built, 'ipvs-yes.so');

/** Compiles what is missing or older than its source. */
export function compile(): void {
  mkdirSync(built, { recursive: true });
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror'];
  for (const [source, result, ...more] of [
    ['target.c', TARGET],
    ['ipvs-yes.c', IPVS_YES, '-shared', '-fPIC', '-ldl'],
  ] as const) {
    const path = join(import.meta.dirname, source);
    const isFresh =
      (statSync(result, { throwIfNoEntry: false })?.mtimeMs ?? 0) > statSync(path).mtimeMs;
    if (!isFresh) execFileSync('cc', [...flags, '-o', result, path, ...more], { stdio: 'inherit' });
  }
}

export class Servers {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(victims: number) {
    const words = [PORT, VICTIM_PORT, victims].map(String);
    this.#child = spawn(TARGET, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('The servers have no stdout');
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Listening when this resolves. */
  static async start(victims: number): Promise<Servers> {
    const servers = new Servers(victims);
    await servers.#answer();
    return servers;
  }

  async clear(): Promise<void> {
    await this.#ask('clear');
  }

  /** What came since the last `clear`. */
  async arrivals(path: string): Promise<readonly Arrival[]> {
    await this.#ask(`dump ${path}`);
    return readArrivals(readFileSync(path));
  }

  /** Connections since the last `clear`. */
  async count(): Promise<number> {
    return Number(await this.#ask('dump /dev/null'));
  }

  /** Closes the port of a victim; when, CLOCK_MONOTONIC ns. */
  async kill(victim: number): Promise<bigint> {
    return BigInt(await this.#ask(`kill ${victim}`));
  }

  /** Closes it, and says how long the kernel's table still had it, ms. */
  async killAndWatch(victim: number, address: string): Promise<number> {
    const hex = address
      .split('.')
      .map((byte) => Number(byte).toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase();
    const port = (VICTIM_PORT + victim).toString(16).toUpperCase().padStart(4, '0');
    const [killed = '', gone = ''] = (await this.#ask(`watch ${victim} ${hex}:${port}`)).split(' ');
    return Number(BigInt(gone) - BigInt(killed)) / 1e6;
  }

  close(): void {
    this.#child.kill();
  }

  #ask(command: string): Promise<string> {
    this.#child.stdin?.write(`${command}\n`);
    return this.#answer();
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('The servers have ended');
    return String(value);
  }
}
