/**
 * The kernel the lab runs on: this one where it has IPVS and we may make namespaces, and otherwise
 * Debian's user-mode-linux, a kernel with IPVS that boots in two seconds as an ordinary process and uses
 * this machine's files read-only. The same program is then run again inside it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { runSync, searchPath } from './command.ts';
import { isAlive } from './topology.ts';
import { END_MARK, initScript } from './uml-init.ts';
import { preloadAdvice, umlEnvironment } from './uml-preload.ts';

export type LabKernel =
  | { readonly kind: 'host' }
  | { readonly kind: 'uml' }
  | { readonly kind: 'none'; readonly code: 'NO_LAB_KERNEL'; readonly detail: string };

/** Where a drill can run. Tries to load the ip_vs module when root. */
export function findLabKernel(): LabKernel {
  if (process.getuid?.() === 0) {
    if (!hasIpvs()) runSync(['modprobe', 'ip_vs']);
    if (hasIpvs()) return { kind: 'host' };
  }
  if (findProgram('linux.uml') !== undefined) return { kind: 'uml' };
  const detail =
    'No kernel with IPVS to drill on: this one has none (or we are not root), and the lab kernel ' +
    'linux.uml is not installed; run "./setup drill" as root';
  return { kind: 'none', code: 'NO_LAB_KERNEL', detail };
}

/** `6.1.176 (user-mode-linux)` or `6.12.9 (host)`: for the kernel this very process runs on. */
export function describeKernel(): string {
  const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const isUml = readFileSync('/proc/cpuinfo', 'utf8').includes('User Mode Linux');
  return `${release} (${isUml ? 'user-mode-linux' : 'host'})`;
}

function hasIpvs(): boolean {
  return existsSync('/proc/net/ip_vs');
}

function findProgram(name: string): string | undefined {
  const directories = searchPath().split(':');
  return directories.map((one) => join(one, name)).find((path) => existsSync(path));
}

export interface InsideOptions {
  /** The program and its arguments, as they would be run here. */
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  /** All the environment it gets: nothing of the caller's passes by itself. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directories it needs, should they lie below one that the lab kernel replaces. */
  readonly hostDirectories: readonly string[];
  /** What the lab kernel may take, as linux.uml reads it; 2G. */
  readonly memory?: string;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

const DEFAULT_MEMORY = '2G';
/** 2 to 3 s as a rule; a loaded machine takes longer. */
const BOOT_DEADLINE_MS = 120_000;
const DIRECTORY_PATTERN = /^lvsd-kernel-(\d+)-/;
const CONSOLE_TAIL_LINES = 12;
const EXIT_FAILURE = 1;
const EXIT_BY_SIGNAL = 128;
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Serial lines of the lab kernel, by file descriptor of the linux.uml process. */
const CONSOLE_FD = 1;
const STDOUT_FD = 3;
const STDERR_FD = 4;
const STATE_FD = 5;

/**
 * Boots the lab kernel, runs the program inside with its output passed on as it comes, and returns its
 * exit status. SIGINT, SIGTERM and SIGHUP end the lab kernel at once with everything in it; the status
 * is then 128 + the signal's number. Leaves no process and no file behind.
 */
export async function runInsideLabKernel(options: InsideOptions): Promise<number> {
  removeStaleKernels();
  const directory = mkdtempSync(join(tmpdir(), `lvsd-kernel-${process.pid}-`));
  writeFileSync(initPath(directory), initScript(options), { mode: 0o755 });
  const kernel = spawn('linux.uml', bootArguments(directory, options.memory ?? DEFAULT_MEMORY), {
    // A process group of its own: Ctrl-C reaches us alone, and one kill ends all of it.
    detached: true,
    env: { PATH: searchPath(), ...umlEnvironment() },
    stdio: ['ignore', 'pipe', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  const cleanUp = (): void => {
    killGroup(kernel.pid);
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  try {
    return await superviseKernel(kernel, options);
  } finally {
    process.off('exit', cleanUp);
    cleanUp();
  }
}

function initPath(directory: string): string {
  return join(directory, 'init');
}

function bootArguments(directory: string, memory: string): readonly string[] {
  return [
    `mem=${memory}`,
    'umid=lab',
    `uml_dir=${directory}/`,
    ...['rootfstype=hostfs', 'rootflags=/', 'ro', `init=${initPath(directory)}`],
    ...['con=null', `con0=null,fd:${CONSOLE_FD}`, 'ssl=null'],
    ...[`ssl0=null,fd:${STDOUT_FD}`, `ssl1=null,fd:${STDERR_FD}`, `ssl2=null,fd:${STATE_FD}`],
    ...['quiet', 'loglevel=3'],
  ];
}

async function superviseKernel(kernel: ChildProcess, options: InsideOptions): Promise<number> {
  const consoleTail = keepText(readable(kernel, CONSOLE_FD));
  const state = keepText(readable(kernel, STATE_FD));
  const outputs = Promise.all([
    passOn(readable(kernel, STDOUT_FD), options.stdout),
    passOn(readable(kernel, STDERR_FD), options.stderr),
  ]);
  const bootTimer = setTimeout(() => {
    if (!state.text.includes('started')) killGroup(kernel.pid);
  }, BOOT_DEADLINE_MS);
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    interruptedBy ??= signal;
    killGroup(kernel.pid);
  };
  for (const signal of INTERRUPTS) process.on(signal, interrupt);
  let startError: Error | undefined;
  try {
    await once(kernel, 'close').catch((error: unknown) => {
      startError = error instanceof Error ? error : new Error(String(error));
    });
    await outputs;
  } finally {
    clearTimeout(bootTimer);
    for (const signal of INTERRUPTS) process.off(signal, interrupt);
  }
  if (interruptedBy !== undefined) return EXIT_BY_SIGNAL + constants.signals[interruptedBy];
  const status = /^exit (\d+)\r?$/m.exec(state.text)?.[1];
  if (status !== undefined) return Number(status);
  const tail = consoleTail.text.trimEnd().split('\n').slice(-CONSOLE_TAIL_LINES);
  const why =
    startError?.message ??
    preloadAdvice(consoleTail.text) ??
    'it stopped before the drill had ended';
  options.stderr.write(`The lab kernel (linux.uml) failed: ${why}\n`);
  for (const line of tail) options.stderr.write(`  ${line.trimEnd()}\n`);
  return EXIT_FAILURE;
}

function readable(child: ChildProcess, fd: number): Readable {
  const stream = child.stdio[fd];
  if (stream === null || stream === undefined || !('read' in stream)) {
    throw new Error(`linux.uml was started without a pipe at descriptor ${fd}`);
  }
  return stream;
}

/** Collects what little comes on the console and the state line. */
function keepText(stream: Readable): { readonly text: string } {
  const kept = { text: '' };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    kept.text += chunk;
  });
  return kept;
}

/** Copies up to the END_MARK, as it comes; resolves at the stream's end. */
async function passOn(source: Readable, target: NodeJS.WritableStream): Promise<void> {
  source.setEncoding('utf8');
  let hasEnded = false;
  for await (const chunk of source) {
    const text = String(chunk);
    const end = text.indexOf(END_MARK);
    if (!hasEnded) target.write(end < 0 ? text : text.slice(0, end));
    hasEnded ||= end >= 0;
  }
}

/** The lab kernel's processes are one group, led by the one we started. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** Ends the lab kernels of drills that were themselves killed with SIGKILL, and removes their files. */
function removeStaleKernels(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = Number(DIRECTORY_PATTERN.exec(name)?.[1] ?? process.pid);
    if (owner === process.pid || isAlive(owner)) continue;
    const directory = join(tmpdir(), name);
    const pid = Number(readIfThere(join(directory, 'lab', 'pid')));
    // The id may have gone to another program since: only one booted from this directory is ours.
    if (pid > 0 && readIfThere(`/proc/${pid}/cmdline`).includes(directory)) killGroup(pid);
    rmSync(directory, { recursive: true, force: true });
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The directories of the running node and of a package: what a re-run inside needs to find again. */
export function neededDirectories(packageRoot: string): readonly string[] {
  return [packageRoot, dirname(process.execPath)];
}
