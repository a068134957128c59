/** Replies of HTTP/1 as bytes: what is read is the same however they are cut, and bad ones never pass. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Http1Reply, MAX_HEAD_BYTES } from '../../src/health/http1-reply.ts';

interface Read {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** `end`, a reason, or `open` while it is not over. */
  readonly ends: string;
}

/** Pushes the pieces, and closes unless `stays`. Bytes that were pushed are overwritten at once. */
function read(
  pieces: readonly string[],
  {
    method = 'GET',
    stays = false,
    wanted,
  }: { method?: string; stays?: boolean; wanted?: ReadonlySet<string> } = {},
): Read {
  const reply = new Http1Reply(method, wanted);
  const found = { body: '', ends: 'open' };
  const heads: object[] = [];
  const judge = (event: ReturnType<Http1Reply['close']>): void => {
    if (event === undefined) return;
    if (found.ends !== 'open') throw new Error(`${event.kind} after ${found.ends}`);
    if (event.kind === 'head') heads.push({ status: event.status, headers: { ...event.headers } });
    if (event.kind === 'data') found.body += event.bytes.toString('latin1');
    if (event.kind === 'end') found.ends = 'end';
    if (event.kind === 'bad') found.ends = event.reason;
  };
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    for (const event of reply.push(bytes)) judge(event);
    bytes.fill('!');
  }
  if (!stays) judge(reply.close());
  expect(heads.length).toBeLessThanOrEqual(1);
  return { ...heads[0], ...found };
}

const crlf = (...lines: readonly string[]): string => lines.map((line) => `${line}\r\n`).join('');
const head = (...fields: readonly string[]): string => crlf('HTTP/1.1 200 OK', ...fields, '');
const CHUNKED = 'Transfer-Encoding: chunked';

const good: readonly (readonly [what: string, reply: string, body: string, stays: boolean])[] = [
  ['counted', `${head('Content-Length: 5')}hello`, 'hello', true],
  ['counted, and more than that', `${head('Content-Length: 5')}hello, world`, 'hello', true],
  ['of no bytes', head('Content-Length: 0'), '', true],
  ['until the end', `${head()}hello`, 'hello', false],
  ['in chunks', `${head(CHUNKED)}2\r\nhe\r\n3;x="y"\r\nllo\r\n0\r\n\r\n`, 'hello', true],
  ['in chunks, with trailers', `${head(CHUNKED)}1\r\nh\r\n0\r\nX-A: b\r\n\r\n`, 'h', true],
  ['in chunks of another coding', `${head('transfer-encoding: gzip, Chunked')}0\r\n\r\n`, '', true],
  ['in a coding that has no end', `${head('Transfer-Encoding: gzip')}zip`, 'zip', false],
  ['after hints', `HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${head('Content-Length: 0')}`, '', true],
  ['none, 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n', '', true],
  ['none, 304', `HTTP/1.1 304 Not Modified\r\n${CHUNKED}\r\n\r\n`, '', true],
  ['after bare line feeds', 'HTTP/1.0 200\nContent-Length: 2\n\nok', 'ok', true],
  [
    'after a reason of any letters',
    'HTTP/1.1 200 Sch\xc3\x9f\r\nContent-Length: 0\r\n\r\n',
    '',
    true,
  ],
];

const bad: readonly (readonly [what: string, reply: string, ends: string])[] = [
  ['nothing', '', 'CLOSED_EARLY'],
  ['half a status line', 'HTTP/1', 'CLOSED_EARLY'],
  ['no end of the head', 'HTTP/1.1 200 OK\r\nX-A: b\r\n', 'CLOSED_EARLY'],
  ['half a counted body', `${head('Content-Length: 5')}hell`, 'CLOSED_EARLY'],
  ['half a chunk', `${head(CHUNKED)}5\r\nhel`, 'CLOSED_EARLY'],
  ['chunks without their last', `${head(CHUNKED)}5\r\nhello\r\n`, 'CLOSED_EARLY'],
  ['no end of the trailers', `${head(CHUNKED)}0\r\nX-A: b\r\n`, 'CLOSED_EARLY'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'BAD_RESPONSE'],
  ['another version', 'HTTP/2 200\r\n\r\n', 'BAD_RESPONSE'],
  ['no such version', 'HTTP/1.7 200 OK\r\n\r\n', 'BAD_RESPONSE'],
  ['a status that is no number', 'HTTP/1.1 2x0 OK\r\n\r\n', 'BAD_RESPONSE'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'BAD_RESPONSE'],
  ['a line feed in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n', 'BAD_RESPONSE'],
  ['a field without a colon', head('nonsense'), 'BAD_RESPONSE'],
  ['a field without a name', head(': x'), 'BAD_RESPONSE'],
  ['a blank before the colon', head('Content-Length : 5'), 'BAD_RESPONSE'],
  ['a folded first field', head(' x'), 'BAD_RESPONSE'],
  ['NUL in a value', head('X-A: \0'), 'BAD_RESPONSE'],
  ['two lengths', head('Content-Length: 1', 'Content-Length: 2'), 'BAD_RESPONSE'],
  ['the same length twice', head('Content-Length: 1', 'Content-Length: 1'), 'BAD_RESPONSE'],
  ['lengths in a list', head('Content-Length: 1, 1'), 'BAD_RESPONSE'],
  ['a negative length', head('Content-Length: -1'), 'BAD_RESPONSE'],
  ['a length of 20 digits', head(`Content-Length: ${'9'.repeat(20)}`), 'BAD_RESPONSE'],
  ['a length and chunks', head('Content-Length: 1', CHUNKED), 'BAD_RESPONSE'],
  ['a chunk that is longer', `${head(CHUNKED)}2\r\nhel\r\n`, 'BAD_RESPONSE'],
  ['a chunk of a negative length', `${head(CHUNKED)}-1\r\n`, 'BAD_RESPONSE'],
  ['a chunk without a length', `${head(CHUNKED)}\r\n`, 'BAD_RESPONSE'],
  ['an endless chunk line', `${head(CHUNKED)}1;${'x'.repeat(5000)}`, 'BAD_RESPONSE'],
  ['100 unasked', 'HTTP/1.1 100 Continue\r\n\r\n', 'BAD_RESPONSE'],
  ['another protocol from here', 'HTTP/1.1 101 Switching\r\n\r\n', 'BAD_RESPONSE'],
  ['hints without end', 'HTTP/1.1 103 E\r\n\r\n'.repeat(9), 'BAD_RESPONSE'],
  ['a long field', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(MAX_HEAD_BYTES)}`, 'HEADERS_TOO_LARGE'],
  ['many fields', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(10_000)}`, 'HEADERS_TOO_LARGE'],
  ['many trailers', `${head(CHUNKED)}0\r\n${'X-A: b\r\n'.repeat(10_000)}`, 'HEADERS_TOO_LARGE'],
];

describe('a reply whose body is', () => {
  it.each(good)('%s', (_what, reply, body, stays) => {
    const found = read([reply], { stays });
    expect(found).toMatchObject({ body, ends: 'end' });
    if (stays) return;
    // Only the end of the connection ends it.
    expect(read([reply], { stays: true })).toMatchObject({ body, ends: 'open' });
  });
});

describe('a reply that has', () => {
  it.each(bad)('%s', (_what, reply, ends) => {
    expect(read([reply]).ends).toBe(ends);
    // What is wrong by itself is not waited for any longer.
    if (ends !== 'CLOSED_EARLY') expect(read([reply], { stays: true }).ends).toBe(ends);
  });
});

describe('any reply', () => {
  const replies = [...good, ...bad].map(([, reply]) => reply).filter(({ length }) => length < 300);

  it('is read the same however it is cut', () => {
    const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...replies), cuts, (reply, places) => {
        const at = [0, ...places.filter((place) => place < reply.length), reply.length];
        at.sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, index) => reply.slice(at[index], end));
        expect(read(pieces)).toEqual(read([reply]));
      }),
      { numRuns: 2000 },
    );
    for (const reply of replies) expect(read([...reply])).toEqual(read([reply]));
  });

  it('of bytes at random never throws, and never ends well', () => {
    const start = fc.constantFrom('', 'HTTP/1.1 200 OK\r\n', `${head(CHUNKED)}`);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (before, bytes) => {
        const { ends } = read([before + Buffer.from(bytes).toString('latin1')], { stays: true });
        expect(['open', 'BAD_RESPONSE', 'HEADERS_TOO_LARGE']).toContain(ends);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the fields of a reply', () => {
  it('have small names; several of one name, and folded ones, are all there', () => {
    const reply = head('X-Twice: a', 'Content-Length: 0', 'X-TWICE:b ', 'X-Long: one', '\t two');
    expect(read([reply]).headers).toEqual({
      'x-twice': ['a', 'b'],
      'content-length': '0',
      'x-long': 'one two',
    });
  });

  it('may be bytes of any coding', () => {
    const found = read([head('X-City: Gro\xc3\x9fenhain', 'Content-Length: 0')]);
    expect(found.headers).toMatchObject({ 'x-city': 'Gro\xc3\x9fenhain' });
  });

  it('may have any name: __proto__ too', () => {
    const { headers } = read([head('__proto__: x', 'Content-Length: 0')]);
    expect(Object.entries(headers ?? {})).toContainEqual(['__proto__', 'x']);
  });
});

describe('a reply of which some fields are wanted', () => {
  const name = fc.constantFrom(
    'x-a',
    'X-A',
    'X-B',
    'Content-Length',
    'Transfer-Encoding',
    'x y',
    '',
  );
  const value = fc.constantFrom('1', '2', ' 1 ', 'chunked', 'a\x00b', 'a\rb', '\x7f', '\xff', '');
  const line = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(name, value).map((pair) => pair.join(':')) },
    value.map((text) => ` ${text}`),
  );

  it('is judged as if all were, and has these', () => {
    const verdicts = new Set<string>();
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
        const text = `${head(...lines)}0\r\n\r\n`;
        const { headers: all = {}, ...judged } = read([text]);
        verdicts.add(judged.ends);
        for (const wanted of [new Set<string>(), new Set(['x-a'])]) {
          const { headers = {}, ...found } = read([text], { wanted });
          expect(found).toEqual(judged);
          const kept = Object.entries(all).filter(([key]) => wanted.has(key));
          expect(headers).toEqual(Object.fromEntries(kept));
        }
      }),
      { numRuns: 2000 },
    );
    expect([...verdicts].sort()).toEqual(['BAD_RESPONSE', 'end']);
  });
});

describe('a reply to HEAD', () => {
  it('has no body, whatever its length says', () => {
    const found = read([head('Content-Length: 9')], { method: 'HEAD', stays: true });
    expect(found).toMatchObject({ status: 200, body: '', ends: 'end' });
  });
});
