/**
 * The control socket's language: one JSON object a line, a request answered by one response with the
 * same id, on a unix stream socket. Decoding never throws: a bad line is answered, not fatal.
 */
import { isAbsolute } from 'node:path';
import type { DiagnosticJson } from '../config/diagnostics.ts';
import type { Change } from '../config/diff.ts';
import type { EventsPage } from '../observe/events.ts';
import type { IpvsListing } from '../observe/ipvs-listing.ts';
import type { DaemonStatus } from '../observe/status.ts';
import type { PlannedOperation } from './messages.ts';

export const CONTROL_PROTOCOL_VERSION = 1;
/** A longer line is refused: nothing that a client may ask needs it. */
export const REQUEST_BYTES_MAX = 64 * 1024;

/** What each command answers. */
export interface ControlResults {
  readonly status: DaemonStatus;
  readonly events: EventsPage;
  readonly handover: HandoverDone;
  readonly reload: ReloadDone;
  /** It goes on in the same process: when it has, `startedAt` of a status is another. */
  readonly restart: { readonly pid: number };
  readonly plan: PlanDone;
  readonly ipvs: IpvsListing;
}

export interface HandoverDone {
  readonly instance: string;
  /** Who is master now. */
  readonly successor: string;
  readonly tookMs: number;
}

/** What a file is told: as JSON, and as `lvsd check` prints it. */
export interface FileReport {
  readonly diagnostics: readonly DiagnosticJson[];
  readonly text: string;
}

export interface ReloadDone {
  /** What the daemon reads from now on. */
  readonly file: string;
  readonly changes: readonly Change[];
  /** Its warnings. */
  readonly report: FileReport;
  /** Operations on the kernel's table that it took, as far as they were waited for. */
  readonly operations: number;
  /** Servers that go when their connections are gone. */
  readonly draining: number;
  /** What has not happened yet, a sentence each; it goes on without being asked. */
  readonly pending: readonly string[];
  readonly tookMs: number;
}

export interface PlanDone {
  readonly file: string;
  readonly changes: readonly Change[];
  readonly report: FileReport;
  /** What the kernel would be told, in order. */
  readonly operations: readonly PlannedOperation[];
}

/** A file for the daemon to look at. */
export interface FileQuestion {
  /** Absolute; what the daemon runs on when absent. */
  readonly file?: string;
  /** Diagnostics with ANSI colours. */
  readonly color?: boolean;
}

/** A command with what it needs, without an id. */
export type ControlQuestion =
  | { readonly command: 'status' }
  /** The kernel's table, read now. */
  | { readonly command: 'ipvs' }
  /** Those after the event with this number. */
  | { readonly command: 'events'; readonly since: number }
  /** `name`: of an instance, of a sync group, or a virtual address. */
  | { readonly command: 'handover'; readonly name: string }
  /** Validate, plan, apply; everything stays as it is when refused. */
  | ({ readonly command: 'reload' } & FileQuestion)
  /** Begin anew in the same process, without letting go of anything. */
  | { readonly command: 'restart' }
  /** What a reload would do; changes nothing. */
  | ({ readonly command: 'plan' } & FileQuestion);

export type ControlCommand = keyof ControlResults;
export type ControlRequest = ControlQuestion & { readonly id: number };

export interface ControlRefusal {
  readonly id: number | null;
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  /** Of `reload` and `plan`: what is wrong with the file. */
  readonly report?: FileReport;
}

export type ControlResponse<Command extends ControlCommand = ControlCommand> =
  | { readonly id: number; readonly ok: true; readonly result: ControlResults[Command] }
  | ControlRefusal;

export function encodeLine(message: ControlRequest | ControlResponse): string {
  return `${JSON.stringify(message)}\n`;
}

type Decoded =
  | { readonly ok: true; readonly request: ControlRequest }
  | { readonly ok: false; readonly response: ControlRefusal };

function refuse(id: number | null, code: string, message: string): Decoded {
  return { ok: false, response: { id, ok: false, code, message } };
}

/** A request, or the response that refuses the line. */
export function decodeRequest(line: string): Decoded {
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null) {
    return refuse(null, 'BAD_REQUEST', 'Expected one JSON object a line');
  }
  const id = 'id' in value && typeof value.id === 'number' ? value.id : undefined;
  if (id === undefined) return refuse(null, 'BAD_REQUEST', 'Expected a numeric id');
  const command = 'command' in value ? value.command : undefined;
  switch (command) {
    case 'status':
    case 'restart':
    case 'ipvs':
      return { ok: true, request: { id, command } };
    case 'events': {
      const since = 'since' in value ? value.since : 0;
      if (typeof since !== 'number' || !Number.isSafeInteger(since) || since < 0) {
        return refuse(id, 'BAD_REQUEST', 'Expected since to be the number of an event');
      }
      return { ok: true, request: { id, command, since } };
    }
    case 'handover':
      if (!('name' in value) || typeof value.name !== 'string') {
        return refuse(id, 'BAD_REQUEST', 'Expected the name of an instance');
      }
      return { ok: true, request: { id, command, name: value.name } };
    case 'reload':
    case 'plan':
      return decodeFileQuestion(id, command, value);
    default:
      return refuse(
        id,
        'UNKNOWN_COMMAND',
        `Unknown command ${JSON.stringify(command)}, expected "status", "events", "handover", "ipvs", "reload", "restart" or "plan"`,
      );
  }
}

function decodeFileQuestion(id: number, command: 'reload' | 'plan', value: object): Decoded {
  const color = 'color' in value && value.color === true;
  if (!('file' in value)) return { ok: true, request: { id, command, color } };
  const { file } = value;
  if (typeof file !== 'string' || !isAbsolute(file)) {
    return refuse(id, 'BAD_REQUEST', 'Expected file to be an absolute path');
  }
  return { ok: true, request: { id, command, file, color } };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * Cuts a byte stream into lines. `push` returns the complete ones; `overflow` says that the line being
 * received grew past the bound.
 */
export class LineSplitter {
  readonly #limit: number;
  #pending = '';

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: string): { readonly lines: readonly string[]; readonly overflow: boolean } {
    const parts = chunk.split('\n');
    // Only the chunk is searched: a long line is appended to, not scanned again with every chunk.
    parts[0] = this.#pending + (parts[0] ?? '');
    this.#pending = parts.pop() ?? '';
    return { lines: parts, overflow: this.#pending.length > this.#limit };
  }
}
