/**
 * The statements of one block against the keyword table: what is unknown, misplaced, planned,
 * doubled or missing is said here, once for all blocks; what is left are values by keyword.
 */
import type { IpAddress } from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Statement } from './parser.ts';
import { isValue, readValue, type Value } from './read-value.ts';
import {
  contextsOf,
  describeContext,
  findKeyword,
  isPlannedContext,
  keywordsOf,
  requiredKeywordsOf,
} from './schema.ts';
import type { KeywordRow } from './schema-rows.ts';
import { type Place, placeOf, type Token } from './source.ts';

/** One keyword of a block, as written last. */
export class Entry {
  readonly statement: Statement;
  readonly keyword: Token;
  readonly value: Value | undefined;

  constructor(statement: Statement, keyword: Token, value: Value | undefined) {
    this.statement = statement;
    this.keyword = keyword;
    this.value = value;
  }

  /** Words after the keyword. */
  get words(): readonly Token[] {
    return this.statement.words.slice(1);
  }
}

/** All statements of one keyword. */
interface Slot {
  readonly name: string;
  readonly entries: Entry[];
}

export interface BlockPlace {
  readonly context: string;
  /** Where a missing keyword is reported: the line that opens the block. */
  readonly place: Place;
}

/** Values of a block by keyword (never by alias). Asking for a value by the wrong type throws. */
export class ReadBlock {
  readonly place: Place;
  readonly #slots: readonly Slot[];

  constructor(place: Place, slots: readonly Slot[]) {
    this.place = place;
    this.#slots = slots;
  }

  /** All statements of a repeatable keyword, in order. */
  all(name: string): readonly Entry[] {
    return findSlot(this.#slots, name)?.entries ?? NO_ENTRIES;
  }

  /** The last statement of a keyword: the one that counts. */
  entry(name: string): Entry | undefined {
    return findSlot(this.#slots, name)?.entries.at(-1);
  }

  has(name: string): boolean {
    return findSlot(this.#slots, name) !== undefined;
  }

  /** Where a keyword's value stands, or the block when the keyword is absent. */
  placeOf(name: string): Place {
    const entry = this.entry(name);
    return entry === undefined ? this.place : placeOf(entry.statement.words);
  }

  /** integer, or seconds in ms. */
  number(name: string): number | undefined {
    const value = this.entry(name)?.value;
    if (value === undefined || typeof value === 'number') return value;
    throw new Error(`${name} is no number`);
  }

  text(name: string): string | undefined {
    const value = this.entry(name)?.value;
    if (value === undefined || typeof value === 'string') return value;
    throw new Error(`${name} is no text`);
  }

  flag(name: string): boolean {
    return this.entry(name)?.value === true;
  }

  address(name: string): IpAddress | undefined {
    const value = this.entry(name)?.value;
    if (value === undefined || typeof value === 'object') return value;
    throw new Error(`${name} is no address`);
  }
}

const NO_ENTRIES: readonly Entry[] = [];

/** A block has few keywords: looking through them is faster than a Map, and a tenth of its memory. */
function findSlot(slots: readonly Slot[], name: string): Slot | undefined {
  for (const slot of slots) if (slot.name === name) return slot;
  return undefined;
}

/** Reads `statements`, the content of a block of `context`. */
export function readBlock(
  { context, place }: BlockPlace,
  statements: readonly Statement[],
  report: Report,
): ReadBlock {
  const slots: Slot[] = [];
  for (const statement of statements) {
    const keyword = statement.words[0];
    if (keyword === undefined || keyword.kind === 'opaque') continue;
    const row = findKeyword(keyword.text, context);
    if (row === undefined) reportUnknown(keyword, context, report);
    else addEntry(slots, { row, statement, keyword, context, report });
  }
  for (const { name, requiredExample: example } of requiredKeywordsOf(context)) {
    if (example === undefined || findSlot(slots, name) !== undefined) continue;
    report('missingKeyword', place, { context: describeContext(context), keyword: name, example });
  }
  return new ReadBlock(place, slots);
}

interface Candidate {
  readonly row: KeywordRow;
  readonly statement: Statement;
  readonly keyword: Token;
  readonly context: string;
  readonly report: Report;
}

function addEntry(slots: Slot[], candidate: Candidate): void {
  const { row, statement, keyword, report } = candidate;
  if (!hasRightShape(row, statement, report)) return;
  if (row.isDeprecated === true) {
    report('deprecatedKeyword', keyword, {
      keyword: row.name,
      replacement: row.aliasOf ?? row.name,
    });
  }
  const entry = new Entry(statement, keyword, readValue(row, statement.words, report));
  reportSupport(row, entry, report);
  const name = row.aliasOf ?? row.name;
  const earlier = findSlot(slots, name);
  if (earlier === undefined) {
    slots.push({ name, entries: [entry] });
    return;
  }
  earlier.entries.push(entry);
  const first = earlier.entries[0];
  if (row.isRepeatable === true || first === undefined) return;
  const { line } = first.keyword;
  report('duplicateKeyword', keyword, {
    keyword: keyword.text,
    context: describeContext(candidate.context),
    line,
  });
}

/** Block where one is due, none where it is not. */
function hasRightShape(row: KeywordRow, statement: Statement, report: Report): boolean {
  if (row.opens !== undefined && statement.block === undefined) {
    const keyword = statement.words.map(({ text }) => text).join(' ');
    report('blockExpected', placeOf(statement.words), { keyword });
    return false;
  }
  if (row.opens === undefined && statement.block !== undefined) {
    report('blockUnexpected', placeOf(statement.words), { keyword: row.name });
    return false;
  }
  return true;
}

/** What stands in a file that lvsd does not act on, or not yet. */
function reportSupport(row: KeywordRow, { statement, value }: Entry, report: Report): void {
  const { support } = row;
  const place = placeOf(statement.words);
  if (support.level === 'accepted') {
    report('noEffect', place, { keyword: row.name, reason: support.reason });
  } else if (support.level === 'planned' && !changesNothing(row, statement, value)) {
    // A block that is refused is refused as a whole.
    if (isPlannedContext(row.context)) return;
    report('notSupportedYet', place, { what: `'${row.name}'` });
  }
}

/** A planned keyword that is set to what holds without it. */
function changesNothing(row: KeywordRow, statement: Statement, value: Value | undefined): boolean {
  const neutral = row.neutralText ?? row.defaultText;
  if (neutral === undefined || statement.block !== undefined) return false;
  if (row.value.kind !== 'words') return isValue(row.value, value, neutral);
  const [, ...words] = statement.words;
  return words.length > 0 && words.map(({ text }) => text).join(' ') === neutral;
}

function reportUnknown(keyword: Token, context: string, report: Report): void {
  const places = contextsOf(keyword.text);
  if (places.length > 0 && isWord(keyword)) {
    report('misplacedKeyword', keyword, {
      keyword: keyword.text,
      context: describeContext(context),
      places: describePlaces(places),
    });
    return;
  }
  const values = { keyword: keyword.text, context: describeContext(context) };
  report('unknownKeyword', keyword, values, () => didYouMean(keyword.text, keywordNames(context)));
}

function keywordNames(context: string): readonly string[] {
  return keywordsOf(context).map(({ name }) => name);
}

const MAX_PLACES = 4;

function describePlaces(places: readonly string[]): string {
  const named = places.slice(0, MAX_PLACES).map(describeContext).join(', ');
  return places.length > MAX_PLACES ? `${named} and others` : named;
}

function isWord(token: Token): boolean {
  return token.kind === 'word';
}
