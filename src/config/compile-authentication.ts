/** `authentication` and `auth_hmac` of an instance. Secrets never get into a message. */
import { isAbsolute } from 'node:path';
import { byteLength } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import type { FileCheck } from './file-facts.ts';
import type { OptionsContext } from './instance-context.ts';
import type { VrrpVersion } from './model.ts';
import type { HmacKeyConfig, Secret, VrrpInstanceOptions } from './model-vrrp.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readInteger, reportTrailing } from './read-value.ts';
import { placeOf, type Token } from './source.ts';

/** RFC 2338 5.3.10: eight bytes of authentication data. */
const MAX_PASSWORD_LENGTH = 8;
/** keepalived 2.4 takes no shorter one: 128 bits of strength, whatever is invented. */
const MIN_KEY_LENGTH = 32;
const MAX_KEY_ID = 255;
const HEX_DIGITS = /^(?:[\da-fA-F]{2})+$/;
/** keepalived's default: three adverts, but at least 5 s. */
const MIN_WINDOW_MS = 5000;
const ADVERTS_IN_WINDOW = 3;

function innerBlock(block: ReadBlock, keyword: string, report: Report): ReadBlock | undefined {
  const entry = block.entry(keyword);
  if (entry === undefined) return undefined;
  const place = placeOf(entry.statement.words);
  return readBlock({ context: keyword, place }, entry.statement.block?.statements ?? [], report);
}

export function compilePassword(
  block: ReadBlock,
  version: VrrpVersion,
  report: Report,
): Pick<VrrpInstanceOptions, 'authentication'> {
  const inner = innerBlock(block, 'authentication', report);
  if (inner === undefined) return {};
  if (version === 3) report('authenticationVersion3', inner.place, {});
  const type = inner.text('auth_type');
  if (type === 'AH') report('authenticationHeader', inner.placeOf('auth_type'), {});
  const [word, ...rest] = inner.entry('auth_pass')?.words ?? [];
  if (word === undefined || type === undefined) return {};
  if (rest.length > 0) reportTrailing([{ ...word, text: 'auth_pass' }], rest, report);
  const length = byteLength(word.text);
  if (length > MAX_PASSWORD_LENGTH) {
    report('passwordTooLong', word, { length, limit: MAX_PASSWORD_LENGTH });
  }
  const password: Secret = { kind: 'secret', text: word.text.slice(0, MAX_PASSWORD_LENGTH) };
  return { authentication: { type: type === 'AH' ? 'AH' : 'PASS', password } };
}

export function compileHmac(
  block: ReadBlock,
  { around: { files }, advertIntervalMs }: OptionsContext,
): Pick<VrrpInstanceOptions, 'hmac'> {
  const { report } = files;
  const inner = innerBlock(block, 'auth_hmac', report);
  if (inner === undefined) return {};
  if (block.has('authentication')) {
    report('authenticationTwice', block.placeOf('authentication'), {});
  }
  const lines = new Map<number, number>();
  const keys = inner.all('key').flatMap((entry) => {
    const key = compileKey(entry, files);
    if (key === undefined) return [];
    const line = lines.get(key.id);
    if (line !== undefined) report('hmacKeyTwice', entry.keyword, { id: key.id, line });
    else lines.set(key.id, entry.keyword.line);
    return [key];
  });
  const activeKey = inner.number('active_key') ?? keys[0]?.id ?? 0;
  if (inner.has('active_key') && keys.length > 0 && !lines.has(activeKey)) {
    report('hmacKeyUnknown', inner.placeOf('active_key'), { id: activeKey });
  }
  const mode = inner.text('mode');
  return {
    hmac: {
      keys,
      activeKey,
      antiReplay: inner.text('anti_replay') === 'monotonic' ? 'monotonic' : 'time',
      timeWindowMs:
        inner.number('time_window') ??
        Math.max(MIN_WINDOW_MS, ADVERTS_IN_WINDOW * advertIntervalMs),
      mode: mode === 'permissive' || mode === 'receive-only' ? mode : 'enforce',
    },
  };
}

/** `key ID hex:DIGITS | file:PATH | TEXT`. */
function compileKey(entry: Entry, files: FileCheck): HmacKeyConfig | undefined {
  const { report } = files;
  const [number, word, ...rest] = entry.words;
  if (number === undefined) return undefined;
  const type = { kind: 'integer', min: 0, max: MAX_KEY_ID } as const;
  const id = readInteger(type, entry.keyword, number, report);
  if (word === undefined) {
    const expected = 'hex:DIGITS, file:PATH or a text after its number';
    report('missingValue', entry.keyword, { keyword: 'key', expected });
    return undefined;
  }
  reportTrailing([entry.keyword, number], rest, report);
  if (id === undefined || word.kind === 'opaque') return undefined;
  const [, kind, text = ''] = /^(hex|file):(.*)$/.exec(word.text) ?? [];
  if (kind === 'file') {
    if (!isAbsolute(text)) report('relativePath', word, { keyword: 'key', found: text });
    else files.checkKey(text, word);
    const key = readKeyFile(text, word, files);
    return { id, source: { kind: 'file', path: text, ...(key === undefined ? {} : { key }) } };
  }
  if (kind === 'hex' && !HEX_DIGITS.test(text)) {
    const expected = 'an even number of hexadecimal digits after hex:';
    report('wrongType', word, { keyword: 'key', expected, found: 'something else' });
    return undefined;
  }
  const isHex = kind === 'hex';
  const length = isHex ? text.length / 2 : byteLength(word.text);
  if (length < MIN_KEY_LENGTH) report('weakKey', word, { length, limit: MIN_KEY_LENGTH });
  const key: Secret = { kind: 'secret', text: isHex ? text : word.text };
  return { id, source: { kind: isHex ? 'hex' : 'ascii', key } };
}

/** A line `hex:DIGITS`, or the key as text: as keepalived reads it. */
function readKeyFile(path: string, word: Token, files: FileCheck): Secret | undefined {
  const content = files.keyText(path);
  if (content === undefined) return undefined;
  const isHex = content.startsWith('hex:');
  const digits = isHex ? content.slice('hex:'.length) : Buffer.from(content).toString('hex');
  if (!HEX_DIGITS.test(digits)) {
    const expected = 'a file with hex:DIGITS or a text in it';
    files.report('wrongType', word, { keyword: 'key', expected, found: 'something else' });
    return undefined;
  }
  const length = digits.length / 2;
  if (length < MIN_KEY_LENGTH) {
    files.report('weakKey', word, { length, limit: MIN_KEY_LENGTH });
  }
  return { kind: 'secret', text: digits };
}
