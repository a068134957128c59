/** tcpdump's lines for VRRP, as `tcpdump -n -e -tt` prints them. P. */

export interface Resignation {
  /** The capture's clock: CLOCK_REALTIME, seconds with fractions. */
  readonly timeS: number;
  readonly address: string;
}

const PRIORITY_0 = /^(\d+\.\d+) .*: (\S+) > \S+: VRRPv[23], Advertisement, vrid \d+, prio 0,/;

/** The resignation (priority 0, RFC 9568 5.2.4) this line shows, or undefined for any other line. */
export function parseResignation(line: string): Resignation | undefined {
  const match = PRIORITY_0.exec(line);
  if (match === null) return undefined;
  const [, time = '', address = ''] = match;
  return { timeS: Number(time), address };
}
