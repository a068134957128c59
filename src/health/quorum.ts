/**
 * Whether a service has enough live servers (reference 2.4): lost when the weights of those that are up
 * sum up to 0 or to less than quorum - hysteresis, regained at quorum + hysteresis, which is also what
 * the start is compared with.
 */
export interface QuorumRules {
  readonly quorum: number;
  readonly hysteresis: number;
}

/** `before` is absent at the start. */
export function hasQuorum(
  { quorum, hysteresis }: QuorumRules,
  liveWeight: number,
  before: boolean | undefined,
): boolean {
  if (before === true) return liveWeight > 0 && liveWeight >= quorum - hysteresis;
  return liveWeight > 0 && liveWeight >= quorum + hysteresis;
}
