/**
 * The program under drill on a director. lvsd is one; Debian's keepalived with the same file is the other, so that what an observation is worth can be seen on a program we did not write.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ORDERLY_TAKEOVER_BOUND_MS, REQUESTS_IN_FLIGHT, requestsWithin } from './bounds.ts';
import type { DirectorName } from './lab.ts';

export const PROGRAM_NAMES = ['lvsd', 'keepalived'] as const;
export type ProgramName = (typeof PROGRAM_NAMES)[number];

export interface DirectorProgram {
  readonly name: ProgramName;
  /** The command that runs it in the foreground with this file, and with what it writes under `directory`. */
  command(director: DirectorName, file: string, directory: string): readonly string[];
  /** The command that hands mastership over, where there is one. */
  readonly handover?: (directory: string) => readonly string[];
  /** The command that has it begin anew without letting go, where there is one. */
  readonly restart?: (directory: string) => readonly string[];
  /** The command that prints what has happened, where there is one. */
  readonly events?: (directory: string) => readonly string[];
  /** Scenarios about what it does not do at all. */
  readonly lacks: ReadonlySet<string>;
  /** What it logs when its instance has joined the election: from here on the protocol's time runs. */
  readonly joinedElection: RegExp;
  /** Requests that may fail while the VIP moves in an orderly way: at SIGTERM of the master, by command. */
  readonly orderlyLossBound: number;
  /** The same when a returning master preempts. */
  readonly preemptLossBound: number;
  /** The same while the file is changed and read again. */
  readonly reloadLossBound: number;
}

/** The root of the repository or package: from src/drill and from dist/drill alike. */
export const PACKAGE_ROOT = join(import.meta.dirname, '..', '..');
export const LVSD = join(PACKAGE_ROOT, 'bin', 'lvsd');
/** One file for both directors and both programs: what differs stands behind `@director1`. */
export const CONFIGURATION = join(PACKAGE_ROOT, 'conf', 'lvs.conf');

/** Its only vrrp_instance. */
const INSTANCE = 'VI_1';

const lvsd: DirectorProgram = {
  name: 'lvsd',
  command: (director, file, directory) => [
    ...[LVSD, 'run', '-f', file],
    ...['-i', director, '--socket', join(directory, 'control.sock')],
  ],
  handover: (directory) => [
    ...[LVSD, 'handover', INSTANCE, '--json'],
    ...['--socket', join(directory, 'control.sock')],
  ],
  restart: (directory) => [
    ...[LVSD, 'restart', '--json'],
    ...['--socket', join(directory, 'control.sock')],
  ],
  events: (directory) => [LVSD, 'events', '--json', '--socket', join(directory, 'control.sock')],
  lacks: new Set(),
  joinedElection: /"from":"INIT","to":"BACKUP"/g,
  orderlyLossBound: REQUESTS_IN_FLIGHT,
  preemptLossBound: REQUESTS_IN_FLIGHT,
  reloadLossBound: 0,
};

const keepalived: DirectorProgram = {
  name: 'keepalived',
  command: (director, file, directory) => [
    ...['keepalived', '-n', '-l', '-D', '-f', file, '-i', director],
    ...['-p', join(directory, 'keepalived.pid')],
    ...['-r', join(directory, 'vrrp.pid')],
    ...['-c', join(directory, 'checkers.pid')],
  ],
  // It has no command for a handover, no drain, and never reads the table again.
  lacks: new Set(['handover', 'drain', 'drift']),
  joinedElection: /Entering BACKUP STATE \(init\)/g,
  // It takes the VIP off at once and leaves it nowhere for the backup's skew time.
  orderlyLossBound: REQUESTS_IN_FLIGHT + requestsWithin(ORDERLY_TAKEOVER_BOUND_MS),
  preemptLossBound: REQUESTS_IN_FLIGHT,
  reloadLossBound: 0,
};

const PROGRAMS: Readonly<Record<ProgramName, DirectorProgram>> = { lvsd, keepalived };

export function directorProgram(name: ProgramName): DirectorProgram {
  return PROGRAMS[name];
}

/** The run-time directory of a node, made when absent. */
export function nodeDirectory(runDirectory: string, node: string): string {
  const directory = join(runDirectory, node);
  mkdirSync(directory, { recursive: true });
  return directory;
}
