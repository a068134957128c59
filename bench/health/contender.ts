/** Who checks: lvsd's engine or keepalived natively, or the whole daemon on a kernel with IPVS. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killAll } from '../failover/director.ts';
import { cpuSecondsOf, familyOf, memoryOf, residentOf } from '../process-cost.ts';
import { IPVS_YES } from './servers.ts';

/** `engine`: lvsd without the table. */
export type Who = 'engine' | 'lvsd' | 'keepalived';

/** Of the one process that checks. */
export interface Cost {
  readonly cpuSeconds: number;
  readonly residentKiB: number;
  readonly proportionalKiB: number;
}

export interface ContenderOptions {
  readonly who: Who;
  readonly directory: string;
  readonly configuration: string;
  /** The kernel has IPVS, and the table can be looked at. */
  readonly hasIpvs: boolean;
  /** `--cpu-prof` and the like, for the engine. */
  readonly nodeOptions?: readonly string[];
}

export class Contender {
  readonly #who: Who;
  readonly #child: ChildProcess;
  readonly #tableFile: string;
  #said = '';
  #told = '';

  constructor({ who, directory, configuration, hasIpvs, nodeOptions = [] }: ContenderOptions) {
    this.#who = who;
    const file = join(directory, 'health.conf');
    this.#tableFile = join(directory, 'table');
    writeFileSync(file, configuration);
    writeFileSync(this.#tableFile, '');
    const socket = join(directory, 'control.sock');
    switch (who) {
      case 'engine':
        this.#child = spawn(process.execPath, [
          ...nodeOptions,
          join(import.meta.dirname, 'engine.ts'),
          file,
        ]);
        break;
      case 'lvsd':
        this.#child = spawn('bin/lvsd', [
          'run',
          '-f',
          file,
          '--socket',
          socket,
          '--log-level',
          'warn',
        ]);
        break;
      case 'keepalived':
        this.#child = spawn('keepalived', keepalivedWords(file, directory), {
          env: {
            PATH: process.env.PATH,
            ...(hasIpvs ? {} : { LD_PRELOAD: IPVS_YES, LVSD_BENCH_TABLE: this.#tableFile }),
          },
        });
        break;
      default:
        who satisfies never;
        throw new Error('Nobody');
    }
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-4000);
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#told += text;
    });
  }

  /** Throws when it is not there any more. */
  mustLive(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new Error(`${this.#who} ended: ${this.#said}${this.#told.slice(-2000)}`);
  }

  cost(): Cost {
    const pid = this.#checker();
    return {
      cpuSeconds: cpuSecondsOf(pid),
      residentKiB: residentOf(pid),
      proportionalKiB: memoryOf(pid),
    };
  }

  /** When it said that the server at `port` is gone, CLOCK_MONOTONIC ms; natively only. */
  toldGoneMs(port: number): number | undefined {
    if (this.#who === 'engine') {
      const found = new RegExp(`:${port} (\\d+(?:\\.\\d+)?)$`, 'm').exec(this.#told)?.[1];
      return found === undefined ? undefined : Number(found);
    }
    const found = new RegExp(` ${port} (\\d+)$`, 'm').exec(
      readFileSync(this.#tableFile, 'utf8'),
    )?.[1];
    return found === undefined ? undefined : Number(BigInt(found)) / 1e6;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const family = familyOf(this.#child.pid ?? 0);
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => killAll(family), STOP_MS);
    await gone;
    clearTimeout(timer);
  }

  /** The process that checks: the engine itself, and of a daemon the child with the most CPU. */
  #checker(): number {
    const root = this.#child.pid ?? 0;
    const children = familyOf(root).filter((pid) => pid !== root);
    const busiest = children.toSorted((a, b) => cpuSecondsOf(b) - cpuSecondsOf(a))[0];
    return this.#who === 'engine' ? root : (busiest ?? root);
  }
}

const STOP_MS = 20_000;

function keepalivedWords(file: string, directory: string): readonly string[] {
  const pids = ['--pid', '--checkers_pid'].flatMap((option) => [option, join(directory, option)]);
  return ['--dont-fork', '--log-console', '--no-syslog', '--check', '--use-file', file, ...pids];
}
