/** One-shot timers as an argument. */
export type SetTimer = (delayMs: number, onExpire: () => void) => CancelTimer;
export type CancelTimer = () => void;

/** Node's timers. */
export const nodeTimers: SetTimer = (delayMs, onExpire) => {
  const timer = setTimeout(onExpire, delayMs);
  return () => clearTimeout(timer);
};
