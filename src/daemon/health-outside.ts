/** The health process's end of what the supervisor does for its checks: scripts, files and BFD sessions. */
import type { ScriptResult } from '../base/script-result.ts';
import type { Config } from '../config/model.ts';
import type { ScriptCommand, TrackFileConfig } from '../config/model-vrrp.ts';
import type { BfdReading, FileReading, Outside } from '../health/outside.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import type { FromHealth, NamedBfdReading } from './messages.ts';

type Ask = Extract<FromHealth, { kind: 'runScript' | 'killScript' }>;

export class HealthOutside implements Outside {
  readonly #ask: (message: Ask) => void;
  readonly #waiting = new Map<number, (result: ScriptResult | undefined) => void>();
  #nextId = 0;
  #ignoresScriptFailure = false;
  #files: readonly TrackFileConfig[] = [];
  readonly #readings = new Map<string, TrackerState>();
  readonly #sessions = new Map<string, BfdReading>();

  constructor(ask: (message: Ask) => void) {
    this.#ask = ask;
  }

  /** What the configuration says of files and scripts, from now on. */
  configure({ trackFiles: files = [], bfdInstances = [], globalDefs }: Config): void {
    this.#files = files;
    this.#ignoresScriptFailure = globalDefs.scriptFailure === 'ignore';
    const names = new Set(files.map(({ name }) => name));
    for (const name of this.#readings.keys()) if (!names.has(name)) this.#readings.delete(name);
    const checked = new Set(bfdInstances.map(({ name }) => name));
    for (const name of this.#sessions.keys()) if (!checked.has(name)) this.#sessions.delete(name);
  }

  get ignoresScriptFailure(): boolean {
    return this.#ignoresScriptFailure;
  }

  /** A file was read. */
  tell(state: TrackerState): void {
    this.#readings.set(state.name, state);
  }

  fileReading(name: string): FileReading | undefined {
    const reading = this.#readings.get(name);
    const file = this.#files.find((each) => each.name === name);
    if (reading === undefined || file === undefined) return undefined;
    const { isUp, value = 0, reason } = reading;
    return { isUp, value, reason, weight: file.weight, isReversed: file.isReversed };
  }

  /** A BFD session stands so. */
  tellBfd({ name, state, reason }: NamedBfdReading): void {
    this.#sessions.set(name, { state, reason });
  }

  bfdReading(name: string): BfdReading | undefined {
    return this.#sessions.get(name);
  }

  runScript(
    command: ScriptCommand,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ScriptResult | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve(undefined);
        return;
      }
      this.#nextId += 1;
      const id = this.#nextId;
      const onAbort = (): void => {
        this.#waiting.delete(id);
        this.#ask({ kind: 'killScript', id });
        resolve(undefined);
      };
      signal.addEventListener('abort', onAbort);
      this.#waiting.set(id, (result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      });
      this.#ask({ kind: 'runScript', id, command, timeoutMs });
    });
  }

  /** A script has ended; one that nobody waits for any more is of no interest. */
  scriptEnded(id: number, result: ScriptResult): void {
    const tell = this.#waiting.get(id);
    this.#waiting.delete(id);
    tell?.(result);
  }
}
