/**
 * Time as an argument. Inside lvsd time is CLOCK_MONOTONIC in milliseconds, with fractions; wall-clock
 * time is shown to people, and compared only with the wall clocks of other routers (auth_hmac).
 */
export interface Clock {
  /** Monotonic milliseconds: differences mean something, the value itself does not. */
  monotonicMs(): number;
  /** Wall clock, milliseconds since 1970: for logs, events and the sequence numbers of auth_hmac. */
  realtimeMs(): number;
}

const NANOSECONDS_PER_MS = 1e6;

/** The machine's clocks. `process.hrtime` reads CLOCK_MONOTONIC, the clock timerfd deadlines are in. */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / NANOSECONDS_PER_MS,
  realtimeMs: () => Date.now(),
};

const MICROSECONDS_PER_MS = 1e3;

/** Processor time of this process since it began, user and system, ms. */
export function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / MICROSECONDS_PER_MS;
}
