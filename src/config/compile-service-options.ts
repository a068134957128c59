/** What a virtual_server has beyond its address and servers, and what must fit together there. */
import { formatEndpoint, parseAddress } from '../base/address.ts';
import { type Forwarding, readForwarding } from './compile-forwarding.ts';
import { reachedAt, type WrittenIdentity } from './compile-real-server.ts';
import { type LvsContext, readLvsScript } from './lvs-context.ts';
import type { RealServerConfig, TransportProtocol } from './model.ts';
import type { PersistenceConfig, ServiceOptions, SorryServerConfig } from './model-lvs.ts';
import { compact } from './present.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { readAddress, readInteger, readSeconds, reportTrailing } from './read-value.ts';
import { SCHEDULER_FLAGS } from './schema-lvs.ts';

export const DEFAULT_PERSISTENCE_MS = 360_000;
const MAX_PERSISTENCE_MS = 2_678_400_000;
const PERSISTENCE = { kind: 'seconds', minMs: 1000, maxMs: MAX_PERSISTENCE_MS } as const;
const PREFIX_6 = { kind: 'integer', min: 1, max: 128 } as const;
const PORT = { kind: 'integer', min: 1, max: 65535 } as const;

export interface ServiceFacts {
  readonly identity: WrittenIdentity | undefined;
  readonly protocol: TransportProtocol;
  readonly scheduler: string;
  readonly servers: readonly RealServerConfig[];
  /** As written for the service; absent: NAT. */
  readonly forwarding?: Forwarding | undefined;
}

export function compileServiceOptions(
  block: ReadBlock,
  facts: ServiceFacts,
  context: LvsContext,
): ServiceOptions {
  const { report } = context;
  const options = compact({
    inhibitOnFailure: block.flag('inhibit_on_failure') || undefined,
    persistence: readPersistence(block, facts, context),
    sorryServer: readSorryServer(block, facts, context),
    quorumUp: readLvsScript(block.entry('quorum_up'), 'notify', context),
    quorumDown: readLvsScript(block.entry('quorum_down'), 'notify', context),
    omega: block.flag('omega') || undefined,
    haSuspend: readSuspend(block, facts, context),
    onePacket: readOnePacket(block, facts, context),
    schedulerFlags: readSchedulerFlags(block, facts, context),
    drainTimeoutMs: block.number('drain_timeout') || undefined,
    slowStartMs: block.number('slow_start') || undefined,
    panicThresholdPercent: block.number('panic_threshold') || undefined,
    ...readQuorum(block, facts.servers, context),
  });
  const hasDownScripts =
    options.quorumDown !== undefined ||
    facts.servers.some(({ notifyDown }) => notifyDown !== undefined);
  if (block.has('omega') && !hasDownScripts) {
    report('omegaWithoutScripts', block.placeOf('omega'), {});
  }
  return options;
}

function readFamily(text: string | undefined): 'inet' | 'inet6' | undefined {
  return text === 'inet' || text === 'inet6' ? text : undefined;
}

/** That of the address, of `ip_family`, or of the first server that is not tunnelled. */
export function familyOf(block: ReadBlock, facts: ServiceFacts): 'inet' | 'inet6' | undefined {
  if (facts.identity?.kind === 'address') return facts.identity.address.family;
  const plain = facts.servers.find(({ forwardingMethod }) => forwardingMethod !== 'tunnel');
  return readFamily(block.text('ip_family')) ?? plain?.address.family;
}

function readPersistence(
  block: ReadBlock,
  facts: ServiceFacts,
  { report }: LvsContext,
): PersistenceConfig | undefined {
  const entry = block.entry('persistence_timeout');
  const engine = block.text('persistence_engine');
  const prefixLength = readGranularity(
    block.entry('persistence_granularity'),
    block,
    facts,
    report,
  );
  if (entry === undefined) {
    const isOn = prefixLength !== undefined;
    return isOn ? compact({ timeoutMs: DEFAULT_PERSISTENCE_MS, prefixLength, engine }) : undefined;
  }
  const [word, ...rest] = entry.words;
  if (word === undefined) {
    return compact({ timeoutMs: DEFAULT_PERSISTENCE_MS, prefixLength, engine });
  }
  reportTrailing([entry.keyword, word], rest, report);
  if (word.kind === 'opaque') return undefined;
  if (/^0+$/.test(word.text)) {
    report('persistenceOff', word, {});
    return undefined;
  }
  const timeoutMs = readSeconds(PERSISTENCE, entry.keyword, word, report);
  return timeoutMs === undefined ? undefined : compact({ timeoutMs, prefixLength, engine });
}

/** An IPv4 mask of ones and then zeros, or the length of an IPv6 prefix. */
function readGranularity(
  entry: Entry | undefined,
  block: ReadBlock,
  facts: ServiceFacts,
  report: LvsContext['report'],
): number | undefined {
  const [word, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') return undefined;
  reportTrailing([entry.keyword, word], rest, report);
  const isMask = parseAddress(word.text)?.family === 'inet';
  const family = familyOf(block, facts) ?? (isMask ? 'inet' : 'inet6');
  const length = family === 'inet' ? maskLength(word.text) : undefined;
  if (length !== undefined) return length;
  if (family === 'inet6' && /^\d+$/.test(word.text)) {
    return readInteger(PREFIX_6, entry.keyword, word, report);
  }
  report('granularityFamily', word, {
    found: word.text,
    family: family === 'inet' ? 'IPv4' : 'IPv6',
    expected: family === 'inet' ? 'a mask such as 255.255.255.0' : 'a prefix length, 1 to 128',
  });
  return undefined;
}

function maskLength(text: string): number | undefined {
  if (parseAddress(text)?.family !== 'inet') return undefined;
  const bits = text.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
  const match = /^(1+)0*$/.exec(bits.join(''));
  return match?.[1]?.length;
}

const SORRY_KEYWORDS = ['sorry_server_inhibit', 'sorry_server_lvs_method'];

function readSorryServer(
  block: ReadBlock,
  facts: ServiceFacts,
  { report }: LvsContext,
): SorryServerConfig | undefined {
  const entry = block.entry('sorry_server');
  const own = readForwarding(block.entry('sorry_server_lvs_method'), report);
  const forwarding = own ?? facts.forwarding;
  if (entry === undefined) {
    for (const keyword of SORRY_KEYWORDS.filter((name) => block.has(name))) {
      report('sorryMissing', block.placeOf(keyword), { keyword });
    }
    return undefined;
  }
  const [first, second, ...rest] = entry.words;
  if (first === undefined) return undefined;
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  const address = readAddress('a sorry_server', first, report);
  const written =
    second === undefined || second.kind === 'opaque'
      ? undefined
      : readInteger(PORT, entry.keyword, second, report);
  if (address === undefined) return undefined;
  const { identity } = facts;
  const ownPort = written ?? (identity?.kind === 'address' ? identity.port : undefined);
  const forwardingMethod = forwarding?.method ?? 'masq';
  const endpoint = { address, port: ownPort ?? 0 };
  const reach = { endpoint, service: { block, identity }, forwardingMethod };
  const reached = reachedAt(entry, reach, report);
  if (reached === undefined) return undefined;
  const port = ownPort === undefined ? undefined : reached.port;
  const same = facts.servers.find(
    (server) => server.address.text === address.text && server.port === (port ?? 0),
  );
  if (same !== undefined) {
    const server = formatEndpoint(same.address, same.port);
    report('sorryIsRealServer', first, { server, line: same.span.line });
  }
  return compact({
    address,
    port,
    isInhibited: block.flag('sorry_server_inhibit'),
    forwardingMethod,
    tunnel: forwarding?.tunnel,
  });
}

/** What keepalived makes of them: at most all weights, and a margin below the quorum. */
function readQuorum(
  block: ReadBlock,
  servers: readonly RealServerConfig[],
  { report }: LvsContext,
): { readonly quorum: number | undefined; readonly hysteresis: number | undefined } {
  const written = block.number('quorum');
  const total = servers.reduce((sum, { weight }) => sum + weight, 0);
  let quorum = written;
  if (written !== undefined && total > 0 && written > total) {
    report('quorumTooLarge', block.placeOf('quorum'), { quorum: written, total });
    quorum = total;
  }
  const margin = block.number('hysteresis');
  const least = quorum ?? 1;
  if (margin === undefined || margin === 0) return { quorum, hysteresis: undefined };
  if (margin < least) return { quorum, hysteresis: margin };
  const place = block.placeOf('hysteresis');
  report('hysteresisTooLarge', place, { hysteresis: margin, quorum: least });
  return { quorum, hysteresis: least - 1 };
}

function readSuspend(
  block: ReadBlock,
  { identity }: ServiceFacts,
  { report }: LvsContext,
): true | undefined {
  if (!block.has('ha_suspend')) return undefined;
  if (identity === undefined || identity.kind === 'address') return true;
  const kind = identity.kind === 'group' ? 'group' : 'mark';
  report('suspendWithoutAddress', block.placeOf('ha_suspend'), { kind });
  return undefined;
}

function readOnePacket(
  block: ReadBlock,
  { identity, protocol }: ServiceFacts,
  { report }: LvsContext,
): true | undefined {
  if (!block.has('ops')) return undefined;
  if (protocol === 'udp' || identity?.kind === 'fwmark') return true;
  const values = { protocol: protocol.toUpperCase() };
  report('onePacketWithoutUdp', block.placeOf('ops'), values);
  return undefined;
}

/** sh- and mh- flags count only below the scheduler that they belong to. */
function readSchedulerFlags(
  block: ReadBlock,
  { scheduler }: ServiceFacts,
  { report }: LvsContext,
): readonly string[] | undefined {
  const written = block.entry('lvs_sched')?.keyword;
  const flags = SCHEDULER_FLAGS.filter((flag) => {
    const entry = block.entry(flag);
    if (entry === undefined) return false;
    const wanted = /^(sh|mh)-/.exec(flag)?.[1];
    if (wanted === undefined) return true;
    const { keyword } = entry;
    if (wanted !== scheduler) {
      report('flagOfOtherScheduler', keyword, { flag, scheduler, wanted });
    } else if (
      written !== undefined &&
      written.source === keyword.source &&
      written.line > keyword.line
    ) {
      report('flagBeforeScheduler', keyword, { flag });
    } else return true;
    return false;
  });
  return flags.length === 0 ? undefined : flags;
}
