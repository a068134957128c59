/**
 * What is known of the things an instance tracks besides links: found out outside the vrrp process, which
 * runs no script and reads no file, and told to it at every change.
 */

export type TrackerKind = 'script' | 'process' | 'file' | 'bfd' | 'virtual_server';

export interface TrackerState {
  readonly kind: TrackerKind;
  /** Name of its block; a virtual server's as in the file. */
  readonly name: string;
  /** A file is down when it cannot be read. */
  readonly isUp: boolean;
  /** The number in a tracked file. */
  readonly value?: number;
  /** Why, in words: `exit status 1`, `3 of 2 processes`. */
  readonly reason: string;
}
