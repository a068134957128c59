/**
 * Runs a command where the kernel has IPVS: in a fresh network namespace of the host when its
 * kernel has it, otherwise in a user-mode-linux kernel that boots as an ordinary process in about 2
 * s and sees the host's files read-only. Same interface, same result.
 *
 * The command's standard output comes back whole; its standard error, with what the kernel says, is
 * streamed. It gets PATH and HOME and nothing else of the caller's environment.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preloadAdvice, umlEnvironment } from '../../src/drill/uml-preload.ts';

export interface LabRun {
  /** Exit status of the command; 128 + signal when a signal ended it, as in the shell. */
  readonly status: number;
  readonly stdout: string;
  /** What was streamed: the kernel's console, and the command's standard error. */
  readonly console: string;
}

export interface LabOptions {
  /** Working directory, absolute. */
  readonly cwd: string;
  /** The kernel and all in it are killed after this many milliseconds, and the run rejects. */
  readonly timeoutMs: number;
  readonly onConsole?: (text: string) => void;
}

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const MEMORY = '1G';

/** Whether commands run on the host's kernel or on the lab's. */
export type LabKernel = 'host' | 'uml';

/** Which kernel `runInLab` takes; undefined, with what is missing, when there is none with IPVS. */
export function findLabKernel(): { readonly kernel: LabKernel } | { readonly missing: string } {
  if (process.getuid?.() !== 0) return { missing: 'root, for network namespaces' };
  if (spawnSync('unshare', ['--net', 'ipvsadm', '-Ln'], { env: ENVIRONMENT }).status === 0) {
    return { kernel: 'host' };
  }
  if (existsSync('/usr/bin/linux.uml')) return { kernel: 'uml' };
  return { missing: 'ip_vs in this kernel, or the package user-mode-linux' };
}

/**
 * Runs `command` to its end. Rejects when it cannot be started or takes longer than the timeout.
 */
export async function runInLab(command: readonly string[], options: LabOptions): Promise<LabRun> {
  const found = findLabKernel();
  if ('missing' in found) throw new Error(`The lab needs ${found.missing}`);
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-lab-'));
  try {
    const script = join(directory, 'init');
    const isHost = found.kernel === 'host';
    writeFileSync(
      script,
      isHost ? hostScript(command, directory) : initScript(command, options, directory),
    );
    chmodSync(script, 0o755);
    const [program, ...rest] = isHost
      ? ['unshare', '--net', script]
      : bootCommand(script, directory);
    const console = await runGroup([program ?? '', ...rest], options);
    return {
      status: Number(readResult(directory, 'status', console)),
      stdout: readResult(directory, 'stdout', console),
      console,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function hostScript(command: readonly string[], directory: string): string {
  return ['#!/bin/sh', 'ip link set lo up', ...commandLines(command, directory), ''].join('\n');
}

/** Process 1 of the lab kernel. It must not end, or the kernel panics: poweroff is its last act. */
function initScript(command: readonly string[], options: LabOptions, directory: string): string {
  const isHidden = options.cwd === '/tmp' || options.cwd.startsWith('/tmp/');
  return [
    '#!/bin/sh',
    ...Object.entries(ENVIRONMENT).map(([name, value]) => `export ${name}=${value}`),
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    'mount -t tmpfs tmpfs /run',
    'mount -t tmpfs tmpfs /tmp',
    // The caller's directory, when the tmpfs now hides it.
    ...(isHidden ? hostDirectory(options.cwd, options.cwd) : []),
    ...hostDirectory(directory, '/run/lab'),
    'ip link set lo up',
    `cd ${quoted(options.cwd)}`,
    ...commandLines(command, '/run/lab'),
    'poweroff -f >/dev/null 2>&1',
    '',
  ].join('\n');
}

function hostDirectory(source: string, target: string): string[] {
  const place = quoted(target);
  return [`mkdir -p ${place}`, `mount -t hostfs none ${place} -o ${quoted(source)}`];
}

function commandLines(command: readonly string[], directory: string): string[] {
  const place = quoted(directory);
  return [
    `${command.map(quoted).join(' ')} >${place}/stdout </dev/null`,
    `echo $? >${place}/status`,
  ];
}

function bootCommand(script: string, directory: string): string[] {
  return [
    '/usr/bin/linux.uml',
    `mem=${MEMORY}`,
    'umid=lab',
    // Trailing slash: the kernel appends the umid as it is.
    `uml_dir=${directory}/`,
    'rootfstype=hostfs',
    'rootflags=/',
    'ro',
    `init=${script}`,
    'con=null',
    'con0=fd:0,fd:1',
    'quiet',
  ];
}

/** Starts a process group of its own, collects what it prints, and leaves none of it running. */
function runGroup(command: readonly string[], options: LabOptions): Promise<string> {
  const [program = '', ...rest] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      cwd: options.cwd,
      env: { ...ENVIRONMENT, ...umlEnvironment() },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let text = '';
    let failure: Error | undefined;
    const onText = (chunk: string): void => {
      text += chunk;
      options.onConsole?.(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', onText);
    child.stderr.setEncoding('utf8').on('data', onText);
    const giveUp = (why: string): void => {
      failure ??= new Error(`The lab ${why}:\n${text}`);
      killGroup(child);
    };
    const onInterrupt = (): void => giveUp('was interrupted');
    process.once('SIGINT', onInterrupt).once('SIGTERM', onInterrupt);
    const timer = setTimeout(
      () => giveUp(`did not end within ${options.timeoutMs} ms`),
      options.timeoutMs,
    );
    child.on('error', (error) => {
      failure = error;
    });
    child.on('close', () => {
      clearTimeout(timer);
      process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt);
      killGroup(child);
      if (failure === undefined) resolve(text);
      else reject(failure);
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: the whole group is gone.
  }
}

function readResult(directory: string, name: string, console: string): string {
  try {
    return readFileSync(join(directory, name), 'utf8');
  } catch (cause) {
    const advice = preloadAdvice(console);
    const why = advice === undefined ? '' : `: ${advice}`;
    throw new Error(`The lab ended without a result${why}:\n${console}`, { cause });
  }
}

/** A word for the shell, whatever is in it. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
