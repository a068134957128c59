/** lvsd and keepalived as a user starts them, with what their processes cost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killAll } from '../failover/director.ts';

export type DaemonName = 'lvsd' | 'keepalived';

export interface Cost {
  /** User and system, of all processes since they began. */
  readonly cpuSeconds: number;
  /** Proportional set size of all processes, MiB. */
  readonly memoryMiB: number;
}

const KIB_PER_MIB = 1024;

export class Contender {
  readonly name: DaemonName;
  readonly #child: ChildProcess;
  readonly #file: string;
  #said = '';

  /** Starts it on this configuration. `checksOnly`: keepalived without its VRRP process. */
  constructor(
    name: DaemonName,
    directory: string,
    { configuration, checksOnly }: { readonly configuration: string; readonly checksOnly: boolean },
  ) {
    this.name = name;
    this.#file = join(directory, `${name}.conf`);
    writeFileSync(this.#file, configuration);
    const lvsd = ['run', '-f', this.#file, '--socket', join(directory, 'lvsd.sock')];
    const pids = ['--pid', '--vrrp_pid', '--checkers_pid'].flatMap((option) => [
      option,
      join(directory, `keepalived${option}`),
    ]);
    const keepalived = ['--dont-fork', '--log-console', '--use-file', this.#file, ...pids];
    if (checksOnly) keepalived.push('--check');
    this.#child = name === 'lvsd' ? spawn('bin/lvsd', lvsd) : spawn('keepalived', keepalived);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-4000);
      });
    }
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get lastWords(): string {
    return this.#said;
  }

  /** Writes the file and says SIGHUP. */
  reload(configuration: string): void {
    writeFileSync(this.#file, configuration);
    this.#child.kill('SIGHUP');
  }

  /** Operations of lvsd's last reload, which it logs once it is through; undefined before. */
  get reloadOperations(): number | undefined {
    const line = this.#said.split('\n').findLast((text) => text.includes('"msg":"reload applied"'));
    return line === undefined ? undefined : Number(/"operations":(\d+)/.exec(line)?.[1]);
  }

  cost(): Cost {
    const pids = familyOf(this.#child.pid ?? 0);
    return {
      cpuSeconds: pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
      memoryMiB: pids.reduce((sum, pid) => sum + memoryOf(pid), 0) / KIB_PER_MIB,
    };
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await gone;
  }

  /** Ends its processes at once and leaves the table. */
  kill(): void {
    if (!this.hasEnded) killAll(familyOf(this.#child.pid ?? 0));
  }
}

/** A process and all that descend from it. */
function familyOf(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const fields = statOf(Number(entry));
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const family: number[] = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    family.push(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return family;
}

/** /proc/PID/stat from the state on: state, ppid, …; undefined when there is no such process. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It ended meanwhile, or is no process.
    return undefined;
  }
}

const TICKS_PER_SECOND = 100;
const UTIME = 11;
const STIME = 12;

function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields?.[UTIME] ?? 0) + Number(fields?.[STIME] ?? 0)) / TICKS_PER_SECOND;
}

function memoryOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
