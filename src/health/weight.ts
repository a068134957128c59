/**
 * The weight of a server from what its checks say, computed anew from the weight in the file each time: it
 * cannot creep, whatever order results come in (keepalived adds up differences, and its weight grows without
 * limit after time-outs of misc_dynamic, #2720). Pure.
 */
import type { Advice, WeightAdvice } from './probe.ts';

/** linux/ip_vs.h has an int, and negative weights are refused. */
const WEIGHT_MAX = 2 ** 31 - 1;

/**
 * The weight of a server that is up; undefined when no check says anything, so that it is the file's.
 *
 *   file's weight + sum over the checkers of (what the checker wants - the file's weight), within bounds
 *
 * which is keepalived's arithmetic: of one checker it is what that wants, of several their wishes add up. A
 * checker that drains decides alone.
 */
export function effectiveWeight(configured: number, advice: readonly Advice[]): number | undefined {
  if (advice.some(({ mode }) => mode === 'drain')) return 0;
  const wishes = advice.flatMap(({ weight }) => weight ?? []);
  if (wishes.length === 0) return undefined;
  const sum = wishes.reduce((total, wish) => total + difference(configured, wish), configured);
  return Math.min(WEIGHT_MAX, Math.max(0, sum));
}

function difference(configured: number, wish: WeightAdvice): number {
  switch (wish.kind) {
    case 'set':
      return wish.weight - configured;
    case 'add':
      return wish.points;
    case 'scale':
      return Math.round((configured * wish.percent) / 100) - configured;
    default:
      return wish satisfies never;
  }
}
