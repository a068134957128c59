/**
 * vrrp_track_process: which processes count, and whether there are enough of them and not too many
 * (keepalived's track_process.c). Pure.
 */
import type { TrackProcessConfig } from '../config/model-vrrp.ts';

export interface SeenProcess {
  /** The kernel's name of it, at most 15 bytes. */
  readonly comm: string;
  /** Words of /proc/PID/cmdline; empty when they were not read, or for a kernel thread. */
  readonly words: readonly string[];
}

/** TASK_COMM_LEN of linux/sched.h without the NUL. */
const COMM_LENGTH = 15;

type Pattern = Pick<TrackProcessConfig, 'command' | 'args' | 'match' | 'usesFullCommand'>;

/** Whether a match needs /proc/PID/cmdline, which may have to be swapped in. */
export function needsWords({ command, args, usesFullCommand }: Pattern): boolean {
  return usesFullCommand || args.length > 0 || command.includes('/');
}

/**
 * Without arguments the kernel's name is compared, of a longer command its first 15 bytes. Otherwise the
 * first word is, and the arguments: all of them, with `partial` the first ones, with `initial` the first
 * ones of which the last may be longer.
 */
export function matchesProcess(pattern: Pattern, { comm, words }: SeenProcess): boolean {
  const { command, args, match } = pattern;
  if (!needsWords(pattern)) return comm === command.slice(0, COMM_LENGTH);
  const [first, ...rest] = words;
  if (first !== command) return false;
  if (args.length === 0) return true;
  if (rest.length < args.length) return false;
  if (match === 'exact' && rest.length !== args.length) return false;
  return args.every((arg, index) => {
    const word = rest[index] ?? '';
    const mayBeLonger = match === 'initial' && index === args.length - 1;
    return mayBeLonger ? word.startsWith(arg) : word === arg;
  });
}

export type ProcessRules = Pick<
  TrackProcessConfig,
  'quorum' | 'quorumMax' | 'forkDelayMs' | 'terminateDelayMs'
>;

export interface ProcessVerdict {
  readonly isUp: boolean;
  readonly count: number;
  /** When `isUp` turns, unless the count turns back before. Monotonic ms. */
  readonly turnsAtMs?: number;
}

function isEnough({ quorum, quorumMax = Number.POSITIVE_INFINITY }: ProcessRules, count: number) {
  // quorum_max 0 asks for none at all, whatever quorum says (its default is 1).
  return quorumMax === 0 ? count === 0 : count >= quorum && count <= quorumMax;
}

export function initialProcessVerdict(rules: ProcessRules, count: number): ProcessVerdict {
  return { isUp: isEnough(rules, count), count };
}

/** The verdict when `count` processes are seen at `nowMs`; asked again at `turnsAtMs`. */
export function judgeProcesses(
  rules: ProcessRules,
  before: ProcessVerdict,
  count: number,
  nowMs: number,
): ProcessVerdict {
  const enough = isEnough(rules, count);
  if (enough === before.isUp) return { isUp: enough, count };
  const delayMs = enough ? rules.forkDelayMs : rules.terminateDelayMs;
  const turnsAtMs = before.turnsAtMs ?? nowMs + delayMs;
  return nowMs >= turnsAtMs ? { isUp: enough, count } : { isUp: before.isUp, count, turnsAtMs };
}

/** `2 processes, at least 1 wanted`. */
export function describeProcesses(rules: ProcessRules, { count }: ProcessVerdict): string {
  const { quorum, quorumMax } = rules;
  const seen = `${count} process${count === 1 ? '' : 'es'}`;
  if (quorumMax === undefined) return `${seen}, at least ${quorum} wanted`;
  return quorumMax === 0 ? `${seen}, none wanted` : `${seen}, ${quorum} to ${quorumMax} wanted`;
}
