/** Whether a reply is the one that a url asks for. Told piece by piece as it comes, so that a flood ends early. */
import { createHash, type Hash } from 'node:crypto';
import type { HttpUrlConfig } from '../config/model.ts';
import { type BodyPattern, compilePattern, MAX_MATCHED_BYTES, matchBody } from './body-pattern.ts';
import { type HttpTarget, isRedirect, readHeader } from './http-request.ts';

export type HttpFinding =
  | { readonly kind: 'pass'; readonly detail: string }
  | { readonly kind: 'fail' | 'inconclusive'; readonly reason: string; readonly detail: string }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string };

export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Body bytes read before the connection is closed, where nothing is asked of the body: the status decides,
 * so a longer one is no failure, it is just not read to its end.
 */
export const MAX_BODY_BYTES = 1024 * 1024;

/** Body bytes of which a digest is made; a longer body has failed. */
export const MAX_DIGESTED_BYTES = 16 * 1024 * 1024;

const NO_FIELDS: ReadonlySet<string> = new Set();
const LOCATION: ReadonlySet<string> = new Set(['location']);

/** Characters of a server's own text in a detail. */
const MAX_SHOWN = 100;

/** One reply. Every method says undefined while it needs more; after a finding none is called. */
export class HttpReply {
  readonly #url: HttpUrlConfig;
  readonly #target: HttpTarget;
  readonly #followsRedirects: boolean;
  readonly #pattern: BodyPattern | undefined;
  readonly #digest: Hash | undefined;
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #bodyBytes = 0;

  /** `redirectsLeft`: how many may still be followed. */
  constructor(target: HttpTarget, url: HttpUrlConfig, redirectsLeft: number) {
    this.#url = url;
    this.#target = target;
    this.#followsRedirects = redirectsLeft > 0;
    this.#pattern = url.regex === undefined ? undefined : compilePattern(url.regex);
    this.#digest = url.digest === undefined ? undefined : createHash('md5');
  }

  /** Fields that `head` looks at, in lower case. */
  get wantedFields(): ReadonlySet<string> {
    const { expectHeaders = [] } = this.#target;
    if (expectHeaders.length === 0) return this.#followsRedirects ? LOCATION : NO_FIELDS;
    return new Set([
      'location',
      ...expectHeaders.map((line) => readHeader(line).name.toLowerCase()),
    ]);
  }

  /** 0 before the head. */
  get status(): number {
    return this.#status;
  }

  head(status: number, headers: HttpHeaders): HttpFinding | undefined {
    this.#status = status;
    const location = valuesOf(headers, 'location')[0];
    if (this.#followsRedirects && isRedirect(status) && location !== undefined) {
      return { kind: 'redirect', status, location };
    }
    if (!this.#url.statusCodes.some(({ from, to }) => status >= from && status <= to)) {
      return failed('BAD_STATUS', `status ${status}, expected ${formatRanges(this.#url)}`);
    }
    for (const line of this.#target.expectHeaders ?? []) {
      const finding = expectHeader(line, headers);
      if (finding !== undefined) return finding;
    }
    return undefined;
  }

  /** `chunk` may be overwritten afterwards: what is kept of it is a copy. */
  data(chunk: Buffer): HttpFinding | undefined {
    this.#bodyBytes += chunk.length;
    this.#digest?.update(chunk);
    if (this.#pattern !== undefined) this.#chunks.push(Buffer.from(chunk));
    const maxBytes = this.#maxBytes();
    if (this.#bodyBytes < maxBytes) return undefined;
    if (this.#pattern === undefined && this.#digest === undefined) {
      return {
        kind: 'pass',
        detail: `status ${this.#status}, body not read past ${maxBytes} bytes`,
      };
    }
    return failed('BODY_TOO_LARGE', `the body has no end in ${maxBytes} bytes`);
  }

  end(): HttpFinding {
    const digest = this.#digest?.digest('hex');
    if (digest !== this.#url.digest) {
      return failed('BAD_DIGEST', `the MD5 of the body is ${digest}, expected ${this.#url.digest}`);
    }
    if (this.#pattern !== undefined) {
      const match = matchBody(this.#pattern, Buffer.concat(this.#chunks));
      if (match.ok === 'unknown') {
        return { kind: 'inconclusive', reason: 'SELF_DELAY', detail: match.detail };
      }
      if (!match.ok) return failed(match.reason, match.detail);
    }
    return { kind: 'pass', detail: `status ${this.#status}` };
  }

  #maxBytes(): number {
    if (this.#pattern !== undefined) return MAX_MATCHED_BYTES;
    return this.#digest === undefined ? MAX_BODY_BYTES : MAX_DIGESTED_BYTES;
  }
}

function failed(reason: string, detail: string): HttpFinding {
  return { kind: 'fail', reason, detail };
}

/** `NAME` must be there; of `NAME: VALUE` one must have this value. */
function expectHeader(line: string, headers: HttpHeaders): HttpFinding | undefined {
  const { name, value } = readHeader(line);
  const values = valuesOf(headers, name.toLowerCase());
  if (values.length === 0) return failed('BAD_HEADER', `no header ${name}`);
  if (!line.includes(':') || values.some((found) => found.trim() === value)) return undefined;
  const found = JSON.stringify(values.join(', ').slice(0, MAX_SHOWN));
  return failed('BAD_HEADER', `header ${name} is ${found}, expected ${JSON.stringify(value)}`);
}

function valuesOf(headers: HttpHeaders, name: string): readonly string[] {
  if (!Object.hasOwn(headers, name)) return [];
  const value = headers[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function formatRanges(url: HttpUrlConfig): string {
  const texts = url.statusCodes.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return texts.join(' ');
}
