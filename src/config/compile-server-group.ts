/** virtual_server_group blocks and the SSL block to the model. */
import { addressBytes, type IpAddress, parseAddress } from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import type { GroupMember, TlsClientConfig, VirtualServerGroupConfig } from './model-lvs.ts';
import type { Statement } from './parser.ts';
import { type Entry, readBlock } from './read-block.ts';
import { placeOf, spanOf, type Token } from './source.ts';

const MAX_PORT = 65_535;
const MAX_MARK = 2 ** 32 - 1;

export function compileServerGroups(
  entries: readonly Entry[],
  report: Report,
): readonly VirtualServerGroupConfig[] {
  const groups = new Map<string, VirtualServerGroupConfig>();
  for (const entry of entries) {
    const name = typeof entry.value === 'string' ? entry.value : '';
    const place = placeOf(entry.statement.words);
    const statements = entry.statement.block?.statements ?? [];
    const members = statements.flatMap((statement) => readMember(statement, report) ?? []);
    if (statements.length === 0) report('groupEmpty', place, { name });
    const earlier = groups.get(name);
    if (earlier !== undefined) {
      report('duplicateServerGroup', place, { name, line: earlier.span.line });
    } else groups.set(name, { name, span: spanOf(place), members });
  }
  return [...groups.values()];
}

function readMember({ words, block }: Statement, report: Report): GroupMember | undefined {
  const [first, second, ...rest] = words;
  if (first === undefined || first.kind === 'opaque') return undefined;
  const isWhole = rest.length === 0 && block === undefined;
  const member = isWhole ? parseMember(first.text, second) : undefined;
  if (member !== undefined) return member;
  if (first.text === 'fwmark' && second === undefined) {
    report('missingValue', first, { keyword: 'fwmark', expected: 'a mark' });
    return undefined;
  }
  report('groupLine', placeOf(words), { found: words.map(({ text }) => text).join(' ') });
  return undefined;
}

function parseMember(first: string, second: Token | undefined): GroupMember | undefined {
  if (first === 'fwmark') {
    const fwmark = parseNumber(second?.text, MAX_MARK);
    return fwmark === undefined || fwmark === 0 ? undefined : { kind: 'fwmark', fwmark };
  }
  const port = second === undefined ? 0 : parseNumber(second.text, MAX_PORT);
  if (port === undefined) return undefined;
  const [start = '', last] = first.split('-', 2);
  const address = parseAddress(start);
  if (address === undefined) return undefined;
  if (last === undefined) return { kind: 'address', address, port };
  const count = rangeLength(address, last);
  if (count === undefined || second === undefined) return undefined;
  return { kind: 'range', first: address, count, port };
}

/** The last octet of IPv4, in decimal; the last group of IPv6, in hex. */
function rangeLength(first: IpAddress, last: string): number | undefined {
  const bytes = addressBytes(first);
  const low = bytes.at(-1) ?? 0;
  const isHex = first.family === 'inet6';
  if (!(isHex ? /^[\da-fA-F]{1,4}$/ : /^\d{1,3}$/).test(last)) return undefined;
  const from = isHex ? (bytes.at(-2) ?? 0) * 256 + low : low;
  const to = Number.parseInt(last, isHex ? 16 : 10);
  return to < from || (!isHex && to > 255) ? undefined : to - from + 1;
}

function parseNumber(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

export function compileTlsClient(
  entry: Entry | undefined,
  report: Report,
): TlsClientConfig | undefined {
  if (entry === undefined) return undefined;
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'SSL', place }, statements, report);
  const [password, ca] = [block.text('password'), block.text('ca')];
  const [certificate, key] = [block.text('certificate'), block.text('key')];
  return {
    ...(password === undefined ? {} : { password: { kind: 'secret', text: password } }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
  };
}
