/** lvsd and keepalived as a user starts them, with what their processes cost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killAll } from '../failover/director.ts';
import { cpuSecondsOf, familyOf, memoryOf } from '../process-cost.ts';

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
