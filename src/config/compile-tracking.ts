/** vrrp_script, track_file and vrrp_track_process blocks to the model. */
import { isAbsolute } from 'node:path';
import type { FileCheck } from './file-facts.ts';
import type {
  TrackerWeight,
  TrackFileConfig,
  TrackProcessConfig,
  VrrpScriptConfig,
} from './model-vrrp.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readCommand } from './read-script.ts';
import { readInteger, reportTrailing } from './read-value.ts';
import { placeOf, spanOf } from './source.ts';

const DEFAULT_INTERVAL_MS = 1000;
const MS_PER_SECOND = 1000;
export const MAX_WEIGHT = 253;
export const MAX_FILE_WEIGHT = 254;

/** All blocks of one root keyword; their names are checked to be different. */
export function compileNamed<T>(
  entries: readonly Entry[],
  context: string,
  files: FileCheck,
  compileOne: (name: string, block: ReadBlock) => T | undefined,
): readonly T[] {
  const lines = new Map<string, number>();
  return entries.flatMap((entry) => {
    const place = placeOf(entry.statement.words);
    const statements = entry.statement.block?.statements ?? [];
    const block = readBlock({ context, place }, statements, files.report);
    const name = typeof entry.value === 'string' ? entry.value : '';
    const line = lines.get(name);
    if (line !== undefined && name !== '') {
      files.report('duplicateName', place, { kind: entry.keyword.text, name, line });
    } else lines.set(name, place.line);
    const compiled = compileOne(name, block);
    // A block without a name is reported where it is read, and nothing can name it.
    return compiled === undefined || name === '' ? [] : [compiled];
  });
}

/** `weight N [reverse|noreverse]`. */
export function readWeight(
  entry: Entry | undefined,
  limit: number,
  fallback: number,
  files: FileCheck,
): TrackerWeight {
  const [word, direction, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') {
    return { weight: fallback, isReversed: false };
  }
  const { keyword } = entry;
  const type = { kind: 'integer', min: -limit, max: limit } as const;
  const weight = readInteger(type, keyword, word, files.report) ?? fallback;
  if (direction !== undefined && !/^(?:no)?reverse$/.test(direction.text)) {
    reportTrailing([keyword, word], [direction, ...rest], files.report);
  } else reportTrailing([keyword, word], rest, files.report);
  return { weight, isReversed: direction?.text === 'reverse' };
}

export function compileScript(
  name: string,
  block: ReadBlock,
  files: FileCheck,
): VrrpScriptConfig | undefined {
  const probe = compileProbe(block, files);
  const intervalMs = block.number('interval') ?? DEFAULT_INTERVAL_MS;
  const timeoutMs = block.number('timeout') ?? intervalMs;
  if (timeoutMs > intervalMs) {
    files.report('timeoutLongerThanInterval', block.placeOf('timeout'), {
      timeout: timeoutMs / MS_PER_SECOND,
      interval: intervalMs / MS_PER_SECOND,
    });
  }
  if (probe === undefined) return undefined;
  return {
    name,
    span: spanOf(block.place),
    probe,
    intervalMs,
    timeoutMs,
    ...readWeight(block.entry('weight'), MAX_WEIGHT, 0, files),
    rise: block.number('rise') ?? 1,
    fall: block.number('fall') ?? 1,
    startsFailed: block.flag('init_fail'),
  };
}

function compileProbe(block: ReadBlock, files: FileCheck): VrrpScriptConfig['probe'] | undefined {
  const script = readCommand(block.entry('script'), files.report);
  if (script === undefined) return undefined;
  const { command, word } = script;
  if (command.path.startsWith('<')) {
    const path = command.path.slice(1);
    files.checkTracked(path, word);
    return { kind: 'readable', path };
  }
  files.checkScript(command.path, word);
  const [user, group, ...rest] = block.entry('user')?.words ?? [];
  const keyword = block.entry('user')?.keyword;
  if (keyword !== undefined) reportTrailing([keyword], rest, files.report);
  files.checkAccount('user', user, 'keepalived leaves the script out');
  files.checkAccount('group', group, 'keepalived leaves the script out');
  const runsAs = {
    ...(user === undefined ? {} : { user: user.text }),
    ...(group === undefined ? {} : { group: group.text }),
  };
  return { kind: 'run', command: { ...command, ...runsAs } };
}

export function compileTrackFile(
  name: string,
  block: ReadBlock,
  files: FileCheck,
): TrackFileConfig | undefined {
  const word = block.entry('file')?.words[0];
  const path = block.text('file');
  const initial = compileInitial(block.entry('init_file'), files);
  const weight = readWeight(block.entry('weight'), MAX_FILE_WEIGHT, 1, files);
  if (word === undefined || path === undefined) return undefined;
  if (!isAbsolute(path)) files.report('relativePath', word, { keyword: 'file', found: path });
  else if (initial === undefined) files.checkTracked(path, word);
  return {
    name,
    span: spanOf(block.place),
    path,
    ...weight,
    ...(initial === undefined ? {} : { initial }),
  };
}

function compileInitial(entry: Entry | undefined, files: FileCheck): TrackFileConfig['initial'] {
  if (entry === undefined) return undefined;
  const words = [...entry.words];
  const overwrites = words.at(-1)?.text === 'overwrite';
  if (overwrites) words.pop();
  const [word, ...rest] = words;
  reportTrailing([entry.keyword], rest, files.report);
  const type = { kind: 'integer', min: -(2 ** 31), max: 2 ** 31 - 1 } as const;
  const value = word === undefined ? 0 : readInteger(type, entry.keyword, word, files.report);
  return { value: value ?? 0, overwrites };
}

export function compileTrackProcess(
  name: string,
  block: ReadBlock,
  files: FileCheck,
): TrackProcessConfig | undefined {
  const words = block.entry('process')?.words ?? [];
  const weight = readWeight(block.entry('weight'), MAX_FILE_WEIGHT, 0, files);
  const quorum = block.number('quorum') ?? 1;
  const quorumMax = block.number('quorum_max');
  if (quorumMax !== undefined && quorumMax < quorum && block.has('quorum')) {
    files.report('quorumUnreachable', block.placeOf('quorum_max'), { quorum, max: quorumMax });
  }
  const command = words[0]?.text;
  if (command === undefined) return undefined;
  const match = block.text('param_match');
  const delayMs = block.number('delay') ?? 0;
  return {
    name,
    span: spanOf(block.place),
    command,
    args: words.slice(1).map(({ text }) => text),
    match: match === 'initial' || match === 'partial' ? match : 'exact',
    ...weight,
    quorum,
    ...(quorumMax === undefined ? {} : { quorumMax }),
    forkDelayMs: block.number('fork_delay') ?? delayMs,
    terminateDelayMs: block.number('terminate_delay') ?? delayMs,
    usesFullCommand: block.flag('full_command'),
  };
}
