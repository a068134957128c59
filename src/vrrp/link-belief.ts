/**
 * `interface_up_down_delays`: what an instance believes of a link whose state changes. A change is
 * believed when it has lasted; one that is undone before never was (keepalived.conf(5)).
 *
 *     kernel    up ▔▔▔▔╲▁▁╱▔▔▔▔▔╲▁▁▁▁▁▁▁▁▁▁▁▁╱▔▔▔▔▔▔▔
 *     believed  up ▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔╲▁▁▁▁▁▁▁▁▁▁▁╱▔▔▔▔▔
 *                                ├─down─┤      ├up┤
 */

export interface LinkDelays {
  readonly downMs: number;
  readonly upMs: number;
}

export interface LinkBelief {
  readonly isUp: boolean;
  /** Monotonic ms: the contrary is believed from then on, unless it is undone. */
  readonly changesAtMs?: number;
}

/** The kernel shows a link; the first sight of it is believed at once. */
export function seeLink(
  belief: LinkBelief | undefined,
  isUp: boolean,
  delays: LinkDelays,
  nowMs: number,
): LinkBelief {
  if (belief === undefined || belief.isUp === isUp) return { isUp };
  const delayMs = isUp ? delays.upMs : delays.downMs;
  if (delayMs === 0) return { isUp };
  return { isUp: belief.isUp, changesAtMs: belief.changesAtMs ?? nowMs + delayMs };
}

/** Time has passed. */
export function waitForLink(belief: LinkBelief, nowMs: number): LinkBelief {
  const { isUp, changesAtMs } = belief;
  return changesAtMs === undefined || nowMs < changesAtMs ? belief : { isUp: !isUp };
}
