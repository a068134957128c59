/**
 * What enters the VRRP core, and what it decided, as JSON lines: a bug met in the field becomes a test
 * file. A line that says `config` holds for all that follow it.
 *
 *    {"config":{"name":"VI_1","virtualRouterId":51,…}}
 *    {"atMs":5000,"event":{"kind":"started",…},"actions":[…]}
 *
 * Secrets never get in: the core does not know them, and they are taken out of the configuration.
 */
import { initialState, step } from './fsm.ts';
import type { Action, Event, RouterConfig, State } from './machine.ts';

/** One step as it happened. */
export interface RecordedStep {
  /** Monotonic ms. */
  readonly atMs: number;
  readonly config: RouterConfig;
  readonly event: Event;
  readonly actions: readonly Action[];
}

/** Where a replay went another way than the recording. */
export interface Divergence {
  /** Of the steps, from 0. */
  readonly index: number;
  readonly recorded: readonly Action[];
  readonly replayed: readonly Action[];
}

export type Decoded =
  | { readonly ok: true; readonly steps: readonly RecordedStep[] }
  | { readonly ok: false; readonly line: number; readonly message: string };

/** The lines of one step; with its configuration when that is not `previous`, the one of the last step. */
export function encodeStep(recorded: RecordedStep, previous?: RouterConfig): string {
  const { config, atMs, event, actions } = recorded;
  const line = `${JSON.stringify({ atMs, event: withoutSecrets(event), actions })}\n`;
  return config === previous ? line : `${JSON.stringify({ config: publicPart(config) })}\n${line}`;
}

/** Reads what `encodeStep` wrote; empty lines do not matter. Never throws for any text. */
export function decodeRecording(text: string): Decoded {
  const steps: RecordedStep[] = [];
  let config: RouterConfig | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const found = parse(line);
    if (found?.config !== undefined) {
      config = found.config;
      continue;
    }
    const { atMs, event, actions } = found ?? {};
    if (
      config === undefined ||
      atMs === undefined ||
      event === undefined ||
      actions === undefined
    ) {
      const message =
        config === undefined ? 'no configuration before it' : 'neither step nor config';
      return { ok: false, line: index + 1, message };
    }
    steps.push({ atMs, config, event, actions });
  }
  return { ok: true, steps };
}

/** Runs the steps through the state machine as it is now; undefined when it decides the same again. */
export function replay(steps: readonly RecordedStep[]): Divergence | undefined {
  let state: State | undefined;
  for (const [index, { config, event, atMs, actions: recorded }] of steps.entries()) {
    // Every life of a process begins with `started`.
    if (state === undefined || event.kind === 'started') state = initialState(config);
    const next = step(config, state, event, atMs);
    const replayed = next.actions;
    if (JSON.stringify(replayed) !== JSON.stringify(recorded)) return { index, recorded, replayed };
    state = next.state;
  }
  return undefined;
}

type Line = Partial<RecordedStep>;

function parse(line: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function publicPart(config: RouterConfig): Omit<RouterConfig, 'authentication' | 'hmac'> {
  const { authentication: _password, hmac: _keys, ...rest } = config;
  return rest;
}

function withoutSecrets(event: Event): Event {
  if (event.kind !== 'configChanged') return event;
  return { ...event, previous: publicPart(event.previous) };
}
