/** How the adverts of an instance travel: addresses, peers, UDP. */
import { addressBytes, type Family, type IpAddress, parseAddress } from '../base/address.ts';
import { IGNORES_IT } from './compat-text.ts';
import type { Report } from './diagnostics.ts';
import type { OptionsContext } from './instance-context.ts';
import { readOptions } from './line-options.ts';
import type { UnicastPeerConfig, VrrpInstanceOptions } from './model-vrrp.ts';
import type { ReadBlock } from './read-block.ts';
import { readAddress, readInteger, reportTrailing } from './read-value.ts';
import { type Place, placeOf, spanOf } from './source.ts';

/** A port of the dynamic range; 112 is VRRP's protocol number. */
const DEFAULT_UDP_PORT = 50_112;
const DEFAULT_TTL = 255;

export function compileTransport(block: ReadBlock, context: OptionsContext): VrrpInstanceOptions {
  const { report } = context.around.files;
  const reports = { report, compat: whenOtherFamily(block, context.family) };
  const peers = compilePeers(block, context, reports);
  const transport = compileKind(block, report);
  const ofFamily = (keyword: string): IpAddress | undefined => {
    const address = block.address(keyword);
    if (address === undefined || address.family === context.family) return address;
    reportFamily(block.placeOf(keyword), { keyword, address }, context.family, reports);
    return undefined;
  };
  const unicastSource = ofFamily('unicast_src_ip');
  const multicastSource = ofFamily('mcast_src_ip');
  const source = unicastSource ?? multicastSource;
  if (block.has('unicast_src_ip') && block.has('mcast_src_ip')) {
    report('sourceContradiction', block.placeOf('mcast_src_ip'), {});
  }
  const group = ofFamily('mcast_dst_ip');
  if (group !== undefined && !isMulticast(group)) {
    report('notMulticast', block.placeOf('mcast_dst_ip'), {
      address: group.text,
      keyword: 'mcast_dst_ip',
    });
  }
  const multicastGroup = group ?? context.defaults.multicastGroups[context.family];
  const checksSource =
    block.flag('check_unicast_src') ||
    context.defaults.checksUnicastSource ||
    (peers ?? []).some(({ minTtl, maxTtl }) => minTtl !== undefined || maxTtl !== undefined);
  return {
    ...(transport === undefined ? {} : { transport }),
    ...(source === undefined ? {} : { sourceAddress: source }),
    ...(multicastGroup === undefined ? {} : { multicastGroup }),
    ...(peers === undefined ? {} : { unicastPeers: peers }),
    ...(peers === undefined ? {} : { unicastTtl: block.number('unicast_ttl') ?? DEFAULT_TTL }),
    ...(checksSource ? { checksUnicastSource: true } : {}),
    ...(block.has('track_src_ip') ? { tracksSourceAddress: true } : {}),
    ...(block.has('unicast_fault_no_peer') ? { faultsWithoutPeer: true } : {}),
    ...compileChecksum(block, report),
  };
}

export function isMulticast(address: IpAddress): boolean {
  const first = addressBytes(address)[0] ?? 0;
  return address.family === 'inet' ? first >= 224 && first <= 239 : first === 0xff;
}

function describe(family: Family): string {
  return family === 'inet' ? 'IPv4' : 'IPv6';
}

interface FamilyReports {
  readonly report: Report;
  /** What keepalived does at an address of another family; undefined where it ends. */
  readonly compat: string | undefined;
}

/**
 * The first address of an instance gives keepalived its family, and those of the other are left out.
 * Where a source or a peer comes first, no virtual address is left, and it ends.
 */
function whenOtherFamily(block: ReadBlock, family: Family): string | undefined {
  const inLists = ['virtual_ipaddress', 'unicast_peer'].flatMap((keyword) =>
    block.all(keyword).flatMap(({ statement }) => statement.block?.statements ?? []),
  );
  const first = [
    ...inLists.map(({ words }) => words[0]),
    ...['unicast_src_ip', 'mcast_src_ip', 'mcast_dst_ip'].map(
      (name) => block.entry(name)?.words[0],
    ),
  ]
    .filter((word) => word !== undefined)
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ text }) => parseAddress(text.replace(/\/.*$/, '')))
    .find((address) => address !== undefined);
  return first?.family === family ? 'keepalived leaves it out' : undefined;
}

function reportFamily(
  place: Place,
  { keyword, address }: { readonly keyword: string; readonly address: IpAddress },
  family: Family,
  { report, compat }: FamilyReports,
): void {
  report('familyMismatch', place, {
    keyword,
    address: address.text,
    family: describe(address.family),
    expected: `${describe(family)}, as the virtual addresses`,
    compat,
  });
}

/** Absent without a `unicast_peer` block. */
function compilePeers(
  block: ReadBlock,
  { family, around }: OptionsContext,
  reports: FamilyReports,
): readonly UnicastPeerConfig[] | undefined {
  if (!block.has('unicast_peer')) return undefined;
  const { report } = reports;
  const place = block.placeOf('unicast_peer');
  const found = new Map<string, UnicastPeerConfig>();
  const entries = block.all('unicast_peer');
  for (const { words } of entries.flatMap(({ statement }) => statement.block?.statements ?? [])) {
    const [word, ...rest] = words;
    if (word === undefined) continue;
    const address = readAddress('each line of unicast_peer', word, report);
    if (address === undefined) continue;
    const ttl = { kind: 'integer', min: 0, max: 255 } as const;
    const table = new Map([
      ['min_ttl', ttl],
      ['max_ttl', ttl],
    ]);
    const options = readOptions(rest, {
      list: 'unicast_peer',
      table,
      report,
      withoutValue: IGNORES_IT,
    });
    const minTtl = options.number('min_ttl');
    const maxTtl = options.number('max_ttl');
    if (minTtl !== undefined && maxTtl !== undefined && minTtl > maxTtl) {
      report('rangeReversed', placeOf(words), { low: 'min_ttl', high: 'max_ttl' });
    }
    if (address.family !== family) {
      reportFamily(word, { keyword: 'unicast_peer', address }, family, reports);
      continue;
    }
    const earlier = found.get(address.text);
    if (earlier !== undefined) {
      report('duplicatePeer', word, { address: address.text, line: earlier.span.line });
    }
    if (address.text === block.address('unicast_src_ip')?.text) {
      report('peerIsSource', word, { address: address.text });
    }
    found.set(address.text, {
      span: spanOf(placeOf(words)),
      address,
      ...(minTtl === undefined ? {} : { minTtl }),
      ...(maxTtl === undefined ? {} : { maxTtl }),
    });
  }
  if (found.size === 0 && !block.has('unicast_fault_no_peer')) {
    around.files.report('unicastWithoutPeers', place, {});
  } else if (!block.has('unicast_src_ip') && !block.has('mcast_src_ip')) {
    report('unicastWithoutSource', place, {});
  }
  return [...found.values()];
}

function compileKind(block: ReadBlock, report: Report): VrrpInstanceOptions['transport'] {
  const entry = block.entry('transport');
  const [kind, port, ...rest] = entry?.words ?? [];
  if (entry === undefined || kind === undefined || kind.kind === 'opaque') return undefined;
  if (kind.text !== 'ip' && kind.text !== 'udp') {
    const values = { keyword: 'transport', expected: 'ip or udp [PORT]', found: kind.text };
    report('wrongType', kind, values);
    return undefined;
  }
  if (kind.text === 'ip') {
    reportTrailing([entry.keyword, kind], entry.words.slice(1), report);
    return { kind: 'ip' };
  }
  reportTrailing([entry.keyword, kind], rest, report);
  const place = placeOf(entry.statement.words);
  if (!block.has('unicast_peer')) {
    const reason = 'UDP goes to peers that are listed: add the other router';
    report('transportNeeds', place, { keyword: 'unicast_peer', reason });
  }
  if (!block.has('auth_hmac')) {
    const reason = 'UDP comes from anywhere: add a key that both routers share';
    report('transportNeeds', place, { keyword: 'auth_hmac', reason });
  } else if (!isEnforced(block)) {
    const reason = 'UDP comes from anywhere: unsigned adverts must not count';
    report('transportNeeds', place, { keyword: 'mode enforce', reason });
  }
  const type = { kind: 'integer', min: 1, max: 65_535 } as const;
  const number = port === undefined ? undefined : readInteger(type, entry.keyword, port, report);
  return { kind: 'udp', port: number ?? DEFAULT_UDP_PORT };
}

/** auth_hmac without a `mode` that lets unsigned adverts pass. */
export function isEnforced(block: ReadBlock): boolean {
  const statements = block.entry('auth_hmac')?.statement.block?.statements ?? [];
  const mode = statements.find(({ words }) => words[0]?.text === 'mode')?.words[1]?.text;
  return mode === undefined || mode === 'enforce';
}

function compileChecksum(block: ReadBlock, report: Report): VrrpInstanceOptions {
  const entry = block.entry('old_unicast_checksum');
  if (entry === undefined) return {};
  const [word, ...rest] = entry.words;
  if (word !== undefined && word.text !== 'never') {
    reportTrailing([entry.keyword], entry.words, report);
  } else reportTrailing([entry.keyword], rest, report);
  return { oldUnicastChecksum: word?.text === 'never' ? 'never' : 'always' };
}
