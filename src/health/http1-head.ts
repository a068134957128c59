/**
 * The head of a reply of HTTP/1 (RFC 9112 4, 5), whole, in its bytes. Texts are made of what is asked for and
 * of nothing else: a check reads a head and mostly wants the status and the length of the body.
 */
import type { HttpHeaders } from './http-reply.ts';

export type Field = string | string[];

export interface Head {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Content-Length. */
  readonly length: Field | undefined;
  /** Transfer-Encoding. */
  readonly encoding: Field | undefined;
}

/** A method, or the name of a field (RFC 9110 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
/** What a value may not have; from 0x80 on is text of whatever coding (RFC 9110 5.5). */
export const CONTROL = /(?!\t)[^\P{Cc}\x80-\x9f]/u;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const ZERO = 48;
const COLON = 58;
const VERSION = Buffer.from('HTTP/1.');
/** Where things are in a status line: `HTTP/1.1 200 OK`. */
const STATUS_AT = 9;
const REASON_AT = 12;
const LENGTH = 'content-length';
const ENCODING = 'transfer-encoding';
const NO_HEADERS: HttpHeaders = Object.freeze(Object.create(null));

/** 1 for each byte that may be in a name. */
const IS_TOKEN = tableOf((text) => TOKEN.test(text));
/** 1 for each byte that may be in a value, or a reason. */
const IS_TEXT = tableOf((text) => !CONTROL.test(text));

function tableOf(holds: (text: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(holds(String.fromCharCode(byte))));
}

/** False for what can never become a reply of HTTP/1, as early as that can be said. */
export function beginsAsReply(bytes: Buffer): boolean {
  for (let at = 0; at < VERSION.length && at < bytes.length; at += 1) {
    if (bytes[at] !== VERSION[at]) return false;
  }
  return true;
}

/** Where the body begins: behind an empty line. A line ends with LF, before which a CR stands mostly. */
export function endOfHead(bytes: Buffer): number | undefined {
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== LF) continue;
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return undefined;
}

/**
 * The head that `bytes` begin with, which has an end; of its fields the `wanted` ones are kept, in lower case.
 * What is wrong as a text.
 */
export function readHead(bytes: Buffer, wanted: ReadonlySet<string> | undefined): Head | string {
  let end = lineFeedAt(bytes, 0);
  const status = statusOf(bytes, stopOf(bytes, 0, end));
  if (status === undefined) return 'the status line is none of HTTP/1';
  let headers: Record<string, Field> | undefined;
  let length: Field | undefined;
  let encoding: Field | undefined;
  let nameAt = -1;
  let colon = -1;
  for (;;) {
    const start = end + 1;
    const textEnd = behind(IS_TEXT, bytes, start);
    end = lineFeedAt(bytes, textEnd);
    const stop = stopOf(bytes, start, end);
    // The empty line, behind which comes the body.
    if (stop === start) return { status, headers: headers ?? NO_HEADERS, length, encoding };
    const isFolded = bytes[start] === SPACE || bytes[start] === TAB;
    if (!isFolded) {
      nameAt = start;
      colon = behind(IS_TOKEN, bytes, start);
      if (colon === start || bytes[colon] !== COLON) return 'a header has no name';
    } else if (nameAt < 0) return 'the first header has no name';
    const valueAt = isFolded ? start : colon + 1;
    const isPlain = textEnd >= stop;
    const nameLength = colon - nameAt;
    const mayFrame = nameLength === LENGTH.length || nameLength === ENCODING.length;
    if (isPlain && !mayFrame && wanted?.size === 0) continue;
    const name = bytes.toString('latin1', nameAt, colon).toLowerCase();
    const value = bytes.toString('latin1', valueAt, stop).trim();
    if (!isPlain && CONTROL.test(value)) return `the header ${name} has control characters`;
    if (name === LENGTH) length = joined(length, value, isFolded);
    if (name === ENCODING) encoding = joined(encoding, value, isFolded);
    if (wanted !== undefined && !wanted.has(name)) continue;
    headers ??= Object.create(null) as Record<string, Field>;
    headers[name] = joined(headers[name], value, isFolded);
  }
}

/** Three digits, behind the version and before the end or a reason; undefined where it is none of this. */
function statusOf(bytes: Buffer, stop: number): number | undefined {
  const minor = digitAt(bytes, VERSION.length);
  if (minor !== 0 && minor !== 1) return undefined;
  if (bytes[STATUS_AT - 1] !== SPACE) return undefined;
  let status = 0;
  for (let at = STATUS_AT; at < REASON_AT; at += 1) {
    const digit = digitAt(bytes, at);
    if (digit === undefined) return undefined;
    status = 10 * status + digit;
  }
  if (stop === REASON_AT) return status;
  if (bytes[REASON_AT] !== SPACE || behind(IS_TEXT, bytes, REASON_AT) < stop) return undefined;
  return status;
}

function digitAt(bytes: Buffer, at: number): number | undefined {
  const digit = (bytes[at] ?? 0) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : undefined;
}

/** The first place from `at` on whose byte is none of the table; every table ends at a line feed. */
function behind(table: Uint8Array, bytes: Buffer, at: number): number {
  let place = at;
  while (table[bytes[place] ?? LF] === 1) place += 1;
  return place;
}

function lineFeedAt(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== LF) at += 1;
  return at;
}

/** Where the line from `start` to its line feed at `end` is over: before the carriage return, if it has one. */
function stopOf(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === CR ? end - 1 : end;
}

/** A field with one more value. A folded line goes on with the value before it (RFC 9112 5.2). */
function joined(before: Field | undefined, value: string, isFolded: boolean): Field {
  if (before === undefined) return value;
  if (!isFolded) return [before, value].flat();
  if (typeof before === 'string') return `${before} ${value}`;
  return [...before.slice(0, -1), `${before.at(-1)} ${value}`];
}
