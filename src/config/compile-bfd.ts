/** bfd_instance blocks to the model, and who may use which. */
import { compileNamed, MAX_WEIGHT, readWeight } from './compile-tracking.ts';
import type { FileCheck } from './file-facts.ts';
import type { BfdInstanceConfig } from './model-vrrp.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { spanOf } from './source.ts';

/** `hoplimit` as RFC 5881 section 5 wants it; keepalived's 64 is refused by every router. */
const DEFAULTS = { minMs: 10, idleMs: 1000, multiplier: 5, ttl: 255 };
/** RFC 5880 section 6.8.3. */
const IDLE_LEAST_MS = 1000;

export function compileBfdInstances(
  entries: readonly Entry[],
  files: FileCheck,
): readonly BfdInstanceConfig[] {
  const earlier: BfdInstanceConfig[] = [];
  return compileNamed(entries, 'bfd_instance', files, (name, block) => {
    const compiled = compileOne(name, block, files);
    if (compiled === undefined) return undefined;
    const other = earlier.find((each) => isSameSession(each, compiled));
    if (other !== undefined) {
      const values = { address: compiled.neighbor.text, line: other.span.line };
      files.report('bfdNeighborTwice', block.placeOf('neighbor_ip'), values);
      return undefined;
    }
    earlier.push(compiled);
    return compiled;
  });
}

/** The first packet of a neighbour tells nothing but its address: two sessions could not be told apart. */
function isSameSession(a: BfdInstanceConfig, b: BfdInstanceConfig): boolean {
  if (a.neighbor.text !== b.neighbor.text || a.isMultihop !== b.isMultihop) return false;
  const isApart = a.source !== undefined && b.source !== undefined;
  return !isApart || a.source.text === b.source.text;
}

function compileOne(
  name: string,
  block: ReadBlock,
  files: FileCheck,
): BfdInstanceConfig | undefined {
  const neighbor = block.address('neighbor_ip');
  const source = block.address('source_ip');
  const weight = readWeight(block.entry('weight'), MAX_WEIGHT, 0, files);
  checkValues(block, files);
  if (neighbor === undefined) return undefined;
  if (source !== undefined && source.family !== neighbor.family) {
    files.report('familyMismatch', block.placeOf('source_ip'), {
      keyword: 'source_ip',
      address: source.text,
      family: source.family === 'inet' ? 'IPv4' : 'IPv6',
      expected: `the family of ${neighbor.text}`,
    });
    return undefined;
  }
  if (/^fe[89ab][\da-f]:/.test(neighbor.text)) {
    files.report('bfdLinkLocal', block.placeOf('neighbor_ip'), { address: neighbor.text });
  }
  const usesBoth = block.has('vrrp') === block.has('checker');
  return {
    name,
    span: spanOf(block.place),
    neighbor,
    ...(source === undefined ? {} : { source }),
    minRxMs: block.number('min_rx') ?? DEFAULTS.minMs,
    minTxMs: block.number('min_tx') ?? DEFAULTS.minMs,
    idleTxMs: block.number('idle_tx') ?? DEFAULTS.idleMs,
    multiplier: block.number('multiplier') ?? DEFAULTS.multiplier,
    isPassive: block.flag('passive'),
    ttl: block.number(neighbor.family === 'inet' ? 'ttl' : 'hoplimit') ?? DEFAULTS.ttl,
    maxHops: block.number('max_hops') ?? 0,
    isMultihop: block.flag('multihop'),
    ...weight,
    isForVrrp: usesBoth || block.has('vrrp'),
    isForChecker: usesBoth || block.has('checker'),
  };
}

function checkValues(block: ReadBlock, { report }: FileCheck): void {
  const idleMs = block.number('idle_tx');
  if (idleMs !== undefined && idleMs < IDLE_LEAST_MS) {
    report('bfdIdleTooShort', block.placeOf('idle_tx'), { found: idleMs });
  }
  if (block.flag('multihop') && (block.number('max_hops') ?? 0) === 0) {
    report('bfdHopsForbidden', block.placeOf('multihop'), {});
  }
}

/** Those whose block says `vrrp` and not `checker`, or the other way round: nobody else hears of them. */
export function namesForOne(
  entries: readonly Entry[],
  use: 'vrrp' | 'checker',
): ReadonlySet<string> {
  return new Set(
    entries.flatMap(({ statement, value }) => {
      const words = statement.block?.statements.map(({ words: [first] }) => first?.text) ?? [];
      const isForOne = words.includes(use) && !words.includes(use === 'vrrp' ? 'checker' : 'vrrp');
      return isForOne && typeof value === 'string' ? [value] : [];
    }),
  );
}
