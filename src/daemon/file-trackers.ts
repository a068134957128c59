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

/** The machine's files, as far as they are followed. */
export interface FollowedFiles {
  /** Rejects with the errno of why not. */
  read(path: string): Promise<Uint8Array>;
  /** `onEvent` with the name of what changed in the directory, where the kernel says it. Throws where it cannot. */
  watch(directory: string, onEvent: (name: string | null) => void): Watcher;
}

export interface Watcher {
  on(event: 'error', listener: () => void): unknown;
  close(): void;
}

const machineFiles: FollowedFiles = {
  read: (path) => readFile(path),
  watch: (directory, onEvent) =>
    watch(directory, { persistent: false }, (_event, name) => onEvent(name)),
};

export interface FileTrackerPorts {
  readonly log: Log;
  /** The machine's, unless said. */
  readonly files?: FollowedFiles;
  readonly setTimer: SetTimer;
  readonly onState: (state: TrackerState) => void;
}

interface Tracked {
  readonly config: TrackFileConfig;
  watcher: Watcher | undefined;
  cancelTimer: CancelTimer;
  /** Waits for the next reading, or for the writer to be done; or reads. */
  stage: 'waiting' | 'settling' | 'reading';
  /** Something happened to it since the reading that is under way began. */
  isStale: boolean;
  told: string;
}

export class FileTrackers {
  readonly #ports: FileTrackerPorts;
  readonly #files: FollowedFiles;
  #tracked = new Map<string, Tracked>();
  #ignoresFailure = false;

  constructor(ports: FileTrackerPorts) {
    this.#ports = ports;
    this.#files = ports.files ?? machineFiles;
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
        cancelTimer: () => {},
        stage: 'waiting',
        isStale: false,
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
      tracked.cancelTimer();
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
      const watcher = this.#files.watch(dirname(path), (changed) => {
        if (changed === null || changed === basename(path)) this.#notice(tracked);
      });
      watcher.on('error', () => {
        watcher.close();
        tracked.watcher = undefined;
      });
      tracked.watcher = watcher;
    } catch {
      // No such directory yet: the next reading tries again.
    }
  }

  /** Read soon, and not later because it happens again: a file may be written all the time. */
  #notice(tracked: Tracked): void {
    if (tracked.stage === 'reading') tracked.isStale = true;
    else if (tracked.stage === 'waiting') this.#later(tracked, 'settling', SETTLE_MS);
  }

  #later(tracked: Tracked, stage: 'waiting' | 'settling', delayMs: number): void {
    tracked.stage = stage;
    tracked.cancelTimer();
    tracked.cancelTimer = this.#ports.setTimer(delayMs, () => void this.#read(tracked));
  }

  async #read(tracked: Tracked): Promise<void> {
    tracked.stage = 'reading';
    tracked.isStale = false;
    this.#watch(tracked);
    const state = await this.#stateOf(tracked.config);
    if (this.#tracked.get(tracked.config.name) !== tracked) return;
    if (tracked.isStale) this.#later(tracked, 'settling', SETTLE_MS);
    else this.#later(tracked, 'waiting', READ_INTERVAL_MS);
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
      const bytes = await this.#files.read(path);
      const text = Buffer.from(bytes.subarray(0, READ_BYTES_MAX)).toString('utf8');
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
