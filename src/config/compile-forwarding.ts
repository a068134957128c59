/** `lvs_method` and its kin: how packets reach a server, and how a tunnel wraps them. */
import { IGNORES_IT } from './compat-text.ts';
import type { Report } from './diagnostics.ts';
import type { ForwardingMethod } from './model.ts';
import type { TunnelConfig } from './model-lvs.ts';
import type { Entry } from './read-block.ts';
import { readChoice, readInteger, reportTrailing } from './read-value.ts';
import { placeOf, type Token } from './source.ts';

const METHOD = { kind: 'choice', values: ['NAT', 'DR', 'TUN'] } as const;
const TUNNEL_TYPES = { kind: 'choice', values: ['ipip', 'gue', 'gre'] } as const;
const PORT = { kind: 'integer', min: 1, max: 65535 } as const;
const CHECKSUMS = ['nocsum', 'csum', 'remcsum'] as const;

const METHODS: ReadonlyMap<string, ForwardingMethod> = new Map([
  ['NAT', 'masq'],
  ['DR', 'droute'],
  ['TUN', 'tunnel'],
]);

export interface Forwarding {
  readonly method: ForwardingMethod;
  /** Only when it is not the plain ipip tunnel. */
  readonly tunnel?: TunnelConfig;
}

export function readForwarding(entry: Entry | undefined, report: Report): Forwarding | undefined {
  const [word, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') return undefined;
  const method = METHODS.get(readChoice(METHOD, entry.keyword, word, report) ?? '');
  if (method !== 'tunnel') {
    reportTrailing([entry.keyword, word], rest, report);
    return method === undefined ? undefined : { method };
  }
  const tunnel = readTunnel(entry, rest, report);
  const isPlain = tunnel.type === 'ipip' && tunnel.checksum === 'nocsum';
  if (isPlain) return { method };
  return { method, tunnel };
}

function readTunnel(entry: Entry, words: readonly Token[], report: Report): TunnelConfig {
  let type: TunnelConfig['type'] = 'ipip';
  let checksum: TunnelConfig['checksum'] = 'nocsum';
  let port: number | undefined;
  let index = 0;
  while (index < words.length) {
    const word = words[index];
    const value = words[index + 1];
    if (word === undefined || word.kind === 'opaque') break;
    const kind = CHECKSUMS.find((name) => name === word.text);
    if (kind !== undefined) {
      checksum = kind;
      index += 1;
      continue;
    }
    if (word.text !== 'type' && word.text !== 'port') {
      reportTrailing(entry.statement.words.slice(0, index + 2), words.slice(index), report);
      break;
    }
    if (value === undefined) {
      const expected = word.text === 'type' ? 'ipip, gue or gre' : 'a port';
      report('missingValue', word, { keyword: word.text, expected, compat: IGNORES_IT });
      break;
    }
    if (word.text === 'port') port = readInteger(PORT, word, value, report);
    else {
      const found = readChoice(TUNNEL_TYPES, word, value, report);
      type = found === 'gue' || found === 'gre' ? found : 'ipip';
    }
    index += 2;
  }
  const tunnel = { type, checksum, ...(port === undefined ? {} : { port }) };
  checkTunnel(entry, tunnel, report);
  return tunnel;
}

function checkTunnel(entry: Entry, tunnel: TunnelConfig, report: Report): void {
  const reason = wrongTunnel(tunnel);
  if (reason !== undefined) report('tunnelOption', placeOf(entry.statement.words), { reason });
}

function wrongTunnel({ type, port, checksum }: TunnelConfig): string | undefined {
  if (type === 'gue' && port === undefined) return "type gue needs 'port N'";
  if (type !== 'gue' && port !== undefined) return `type ${type} has no port`;
  if (type === 'ipip' && checksum !== 'nocsum') return `type ipip has no ${checksum}`;
  if (type === 'gre' && checksum === 'remcsum') return 'type gre has no remcsum';
  return undefined;
}
