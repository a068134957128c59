/**
 * track_file: reads the number in each file when its directory says that something happened to it, and
 * once a second in case that was missed (another file system under the path, a directory that came late).
 *
 * A file that is not there counts as 0, as with keepalived. One that is there and cannot be read, or holds
 * no number, is down: the reference is silent or reads 0, and we fail closed unless `script_failure
 * ignore`.
 */
import { watch } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Log } from '../base/log.ts';
import type { TrackFileConfig } from '../config/model-vrrp.ts';
import { parseFileValue } from '../vrrp/file-value.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

const READ_INTERVAL_MS = 1_000;
/** Whoever writes the file truncates it first: what is read just then is not meant. */
const SETTLE_MS = 20;
/** As much as keepalived reads. */
const READ_BYTES_MAX = 127;

/** What the files are read with. */
export interface FileSource {
  /** Rejects as `readFile` of node:fs/promises does. */
  read(path: string): Promise<Uint8Array>;
  /**
   * Calls `onChange` with the name of what was changed in the directory, null when the system does not say it,
   * and `onLost` when it will not do so any more. Throws when the directory cannot be watched.
   */
  watch(directory: string, onChange: (name: string | null) => void, onLost: () => void): Watch;
}

export interface Watch {
  close(): void;
}

const nodeFileSource: FileSource = {
  read: (path) => readFile(path),
  watch: (directory, onChange, onLost) => {
    const watcher = watch(directory, { persistent: false }, (_event, name) => onChange(name));
    return watcher.on('error', () => {
      watcher.close();
      onLost();
    });
  },
};

export interface FileTrackerPorts {
  readonly log: Log;
  readonly setTimer: SetTimer;
  /** Node's, when absent. */
  readonly source?: FileSource;
  readonly onState: (state: TrackerState) => void;
}

interface Tracked {
  readonly config: TrackFileConfig;
  watcher: Watch | undefined;
  cancelInterval: CancelTimer;
  /** While something has just happened to it. */
  cancelSettling: CancelTimer | undefined;
  isReading: boolean;
  /** Something happened to it since the last reading began. */
  isChanged: boolean;
  /** It never settles: what is read next is told as it is. */
  isOverdue: boolean;
  told: string;
}

export class FileTrackers {
  readonly #ports: FileTrackerPorts;
  readonly #source: FileSource;
  #tracked = new Map<string, Tracked>();
  #ignoresFailure = false;

  constructor(ports: FileTrackerPorts) {
    this.#ports = ports;
    this.#source = ports.source ?? nodeFileSource;
  }

  /** Resolves when every file was read once. `isStart`: `init_file … overwrite` writes. */
  async configure(
    files: readonly TrackFileConfig[],
    options: { readonly isStart: boolean; readonly ignoresFailure: boolean },
  ): Promise<void> {
    this.#ignoresFailure = options.ignoresFailure;
    this.close();
    for (const config of files) {
      this.#tracked.set(config.name, {
        config,
        watcher: undefined,
        cancelInterval: () => {},
        cancelSettling: undefined,
        isReading: false,
        isChanged: false,
        isOverdue: false,
        told: '',
      });
    }
    await Promise.all(
      [...this.#tracked.values()].map(async (tracked) => {
        await this.#initialize(tracked.config, options.isStart);
        await this.#read(tracked);
      }),
    );
  }

  close(): void {
    for (const tracked of this.#tracked.values()) {
      tracked.watcher?.close();
      tracked.cancelInterval();
      tracked.cancelSettling?.();
    }
    this.#tracked = new Map();
  }

  async #initialize({ name, path, initial }: TrackFileConfig, isStart: boolean): Promise<void> {
    if (initial === undefined) return;
    try {
      const present = await stat(path).catch(() => undefined);
      if (present !== undefined && !(isStart && initial.overwrites && present.isFile())) return;
      const file = await open(path, present === undefined ? 'wx' : 'w', 0o644);
      await file.writeFile(`${initial.value}\n`);
      await file.close();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#ports.log.error({ file: name, path, reason }, 'init_file cannot be written');
    }
  }

  #watch(tracked: Tracked): void {
    if (tracked.watcher !== undefined) return;
    const { path } = tracked.config;
    try {
      tracked.watcher = this.#source.watch(
        dirname(path),
        (changed) => {
          if (changed === null || changed === basename(path)) this.#settle(tracked);
        },
        () => {
          tracked.watcher = undefined;
        },
      );
    } catch {
      // No such directory yet: the next reading tries again.
    }
  }

  /** Each change puts the reading off, until it is overdue. */
  #settle(tracked: Tracked): void {
    tracked.isChanged = true;
    if (tracked.cancelSettling !== undefined && tracked.isOverdue) return;
    tracked.cancelSettling?.();
    tracked.cancelSettling = this.#ports.setTimer(SETTLE_MS, () => {
      tracked.cancelSettling = undefined;
      void this.#read(tracked);
    });
  }

  #onInterval(tracked: Tracked): void {
    if (tracked.isReading || tracked.cancelSettling !== undefined) tracked.isOverdue = true;
    else void this.#read(tracked);
  }

  /** What was changed while it was read is not meant: it is read again, when it has settled. */
  async #read(tracked: Tracked): Promise<void> {
    if (tracked.isReading) return;
    tracked.isReading = true;
    tracked.isChanged = false;
    this.#watch(tracked);
    const state = await this.#stateOf(tracked.config);
    tracked.isReading = false;
    if (this.#tracked.get(tracked.config.name) !== tracked) return;
    if (!tracked.isChanged || tracked.isOverdue || tracked.told === '') {
      this.#tell(tracked, state);
      tracked.isOverdue = false;
      tracked.cancelInterval();
      const onExpire = (): void => this.#onInterval(tracked);
      tracked.cancelInterval = this.#ports.setTimer(READ_INTERVAL_MS, onExpire);
    }
    if (tracked.isChanged && tracked.cancelSettling === undefined) await this.#read(tracked);
  }

  #tell(tracked: Tracked, state: TrackerState): void {
    const told = JSON.stringify(state);
    if (told === tracked.told) return;
    tracked.told = told;
    const { name, isUp, value, reason } = state;
    this.#ports.log[isUp ? 'info' : 'warn']({ file: name, value, reason }, 'track_file read');
    this.#ports.onState(state);
  }

  async #stateOf({ name, path }: TrackFileConfig): Promise<TrackerState> {
    const known = { kind: 'file', name } as const;
    const isUp = this.#ignoresFailure;
    try {
      const text = Buffer.from(await this.#source.read(path)).toString('utf8', 0, READ_BYTES_MAX);
      const parsed = parseFileValue(text);
      if (!parsed.ok) return { ...known, isUp, value: 0, reason: `${path}: ${parsed.reason}` };
      const { value } = parsed;
      return { ...known, isUp: true, value, reason: `${path} holds ${value}` };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') {
        return { ...known, isUp: true, value: 0, reason: `${path} is not there and counts as 0` };
      }
      return { ...known, isUp, value: 0, reason: `${path} cannot be read (${code})` };
    }
  }
}
