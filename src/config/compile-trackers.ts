/** Lines of `track_script` and its like, and the names they may use. */
import { MAX_FILE_WEIGHT, MAX_WEIGHT } from './compile-tracking.ts';
import { checkDeviceName } from './device-name.ts';
import { didYouMean } from './did-you-mean.ts';
import type { FileCheck } from './file-facts.ts';
import { type LineContext, readOptions } from './line-options.ts';
import type { Trackers, TrackLine } from './model-vrrp.ts';
import type { Statement } from './parser.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { placeOf, spanOf, type Token } from './source.ts';

/** Names by the kind of thing they name, as a message calls it. */
export interface KnownNames {
  readonly vrrp_script: ReadonlySet<string>;
  readonly track_file: ReadonlySet<string>;
  readonly vrrp_track_process: ReadonlySet<string>;
  readonly bfd_instance: ReadonlySet<string>;
  readonly vrrp_instance: ReadonlySet<string>;
  readonly track_group: ReadonlySet<string>;
  readonly virtual_server: ReadonlySet<string>;
  /** Those of bfd_instance that VRRP hears nothing of. */
  readonly bfdForCheckers: ReadonlySet<string>;
}

type NamedKind = Exclude<keyof KnownNames, 'bfdForCheckers'>;

/** What instances and groups are compiled with. */
export interface Surroundings {
  readonly names: KnownNames;
  readonly files: FileCheck;
}

/** Reports a name that nothing has. */
export function checkName(kind: NamedKind, word: Token, { names, files }: Surroundings): void {
  const known = names[kind];
  if (word.kind === 'opaque' || known.has(word.text)) return;
  files.report('unknownReference', word, { kind, name: word.text }, () =>
    didYouMean(word.text, [...known]),
  );
}

interface TrackKind {
  readonly keyword: string;
  readonly field: keyof Trackers;
  readonly kind?: NamedKind;
  readonly limit: number;
}

const KINDS: readonly TrackKind[] = [
  { keyword: 'track_script', field: 'scripts', kind: 'vrrp_script', limit: MAX_WEIGHT },
  { keyword: 'track_interface', field: 'interfaces', limit: MAX_WEIGHT },
  {
    keyword: 'track_process',
    field: 'processes',
    kind: 'vrrp_track_process',
    limit: MAX_FILE_WEIGHT,
  },
  { keyword: 'track_file', field: 'files', kind: 'track_file', limit: MAX_FILE_WEIGHT },
  { keyword: 'track_bfd', field: 'bfds', kind: 'bfd_instance', limit: MAX_WEIGHT },
  {
    keyword: 'track_virtual_server',
    field: 'virtualServers',
    kind: 'virtual_server',
    limit: MAX_WEIGHT,
  },
];

const NO_TRACKERS: Trackers = {
  scripts: [],
  interfaces: [],
  processes: [],
  files: [],
  bfds: [],
  virtualServers: [],
};

/** All trackers of an instance or group; absent when it has no such block. */
export function compileTrackers(
  block: ReadBlock,
  isOwner: boolean,
  around: Surroundings,
): Trackers | undefined {
  const present = KINDS.filter(({ keyword }) => block.has(keyword));
  if (present.length === 0) return undefined;
  let trackers = NO_TRACKERS;
  for (const kind of present) {
    const lines = compileLines(block.all(kind.keyword), kind, { isOwner, around });
    trackers = { ...trackers, [kind.field]: lines };
  }
  return trackers;
}

interface LineSurroundings {
  readonly isOwner: boolean;
  readonly around: Surroundings;
}

function compileLines(
  entries: readonly Entry[],
  kind: TrackKind,
  { isOwner, around }: LineSurroundings,
): readonly TrackLine[] {
  const { report } = around.files;
  const found = new Map<string, TrackLine>();
  for (const entry of entries) {
    const statements = entry.statement.block?.statements ?? [];
    if (statements.length === 0) {
      report('emptyBlock', placeOf(entry.statement.words), { keyword: kind.keyword });
    }
    for (const statement of statements) {
      const [word] = statement.words;
      const line = compileLine(statement, kind, around);
      if (line === undefined || word === undefined) continue;
      const earlier = found.get(line.name);
      if (earlier !== undefined) {
        report('duplicateTracker', word, { name: line.name, line: earlier.span.line });
      }
      if (isOwner && (line.weight ?? 0) !== 0) {
        report('weightOnOwner', placeOf(statement.words), {});
      }
      found.set(line.name, line);
    }
  }
  return [...found.values()];
}

function compileLine(
  statement: Statement,
  { keyword, kind, limit }: TrackKind,
  around: Surroundings,
): TrackLine | undefined {
  const [word, ...words] = statement.words;
  const { files } = around;
  if (word === undefined || word.kind === 'opaque') return undefined;
  if (statement.block !== undefined) {
    files.report('blockUnexpected', placeOf(statement.words), { keyword: word.text });
    return undefined;
  }
  if (kind === 'bfd_instance' && around.names.bfdForCheckers.has(word.text)) {
    files.report('bfdOtherUse', word, { name: word.text, use: 'checker', keyword });
  }
  if (kind !== undefined) checkName(kind, word, around);
  else {
    checkDeviceName(word, files.report);
    files.checkInterface(word.text, word);
  }
  const context: LineContext = {
    list: keyword,
    table: new Map([
      ['weight', { kind: 'integer', min: -limit, max: limit } as const],
      ['reverse', { kind: 'flag' } as const],
      ['noreverse', { kind: 'flag' } as const],
    ]),
    report: files.report,
    withoutValue: 'keepalived leaves the line out',
  };
  const options = readOptions(words, context);
  if (words.at(-1)?.text === 'weight') return undefined;
  const weight = options.number('weight');
  const isReversed = options.has('reverse');
  return {
    span: spanOf(placeOf(statement.words)),
    name: word.text,
    ...(weight === undefined ? {} : { weight }),
    ...(isReversed || options.has('noreverse') ? { isReversed } : {}),
  };
}
