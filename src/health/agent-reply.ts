/**
 * The line of HAProxy's agent protocol (`agent-check` in its manual): words in any order, separated by
 * blanks, tabs or commas, up to a comment.
 *
 *   75% ready up # all well
 *
 *   75%                         weight: percent of the one in the file
 *   ready drain maint           what it wants of its state; ready takes the other two back
 *   up down stopped fail(ed)    whether it is healthy
 *   maxconn:30                  for HAProxy; IPVS has no such thing
 *   # …                         says why
 */
import type { Advice } from './probe.ts';

/** HAProxy's bound of a weight, percent. */
export const MAX_PERCENT = 25_600;

export type AgentReply =
  | { readonly kind: 'up'; readonly advice: Advice; readonly words: string }
  | { readonly kind: 'down'; readonly word: string; readonly comment: string }
  /** `word` is none of the protocol's; empty where there is none at all. */
  | { readonly kind: 'unknown'; readonly word: string };

export function parseAgentReply(line: string): AgentReply {
  const [head = '', ...comments] = line.split('#');
  const comment = comments.join('#').trim();
  const words = head
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  if (words.length === 0) return { kind: 'unknown', word: '' };
  let advice: Advice = {};
  let down: string | undefined;
  for (const word of words) {
    const percent = /^(\d{1,6})%$/.exec(word)?.[1];
    if (percent !== undefined && Number(percent) <= MAX_PERCENT) {
      advice = { ...advice, weight: { kind: 'scale', percent: Number(percent) } };
    } else if (isMode(word)) {
      advice = { ...advice, mode: word };
    } else if (DOWN.has(word)) {
      down = word;
    } else if (word !== 'up' && !/^maxconn:\d+$/.test(word)) {
      return { kind: 'unknown', word };
    }
  }
  if (down !== undefined) return { kind: 'down', word: down, comment };
  return { kind: 'up', advice, words: words.join(' ') };
}

const DOWN: ReadonlySet<string> = new Set(['down', 'stopped', 'fail', 'failed']);

function isMode(word: string): word is NonNullable<Advice['mode']> {
  return word === 'ready' || word === 'drain' || word === 'maint';
}
