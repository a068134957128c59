/** `lvsd keywords`: what may stand in a configuration, from the table that reads it. */
import type { Command } from 'commander';
import {
  describeKeyword,
  findRows,
  keywordsMarkdown,
  keywordsToJson,
  listKeywords,
} from '../config/keyword-text.ts';
import { keywordTable } from '../config/schema.ts';
import { printError, printJson, printLine } from './output.ts';

interface KeywordsOptions {
  readonly json?: boolean;
  readonly markdown?: boolean;
}

export function addKeywordsCommand(program: Command): void {
  program
    .command('keywords')
    .argument('[word]', 'one keyword; all of them without')
    .description(
      'what may stand in a configuration: where, with which values, and what lvsd does with it',
    )
    .option('--json', 'as one JSON array on stdout')
    .option('--markdown', 'docs/keywords.md on stdout')
    .addHelpText('after', '\nExit status: 0 known, 1 no such keyword')
    .action((word: string | undefined, options: KeywordsOptions) => {
      if (word === undefined) printAll(options);
      else process.exitCode = printOne(word, options);
    });
}

function printAll(options: KeywordsOptions): void {
  if (options.markdown === true) process.stdout.write(keywordsMarkdown());
  else if (options.json === true) printJson(keywordsToJson(keywordTable));
  else printLine(listKeywords());
}

function printOne(word: string, options: KeywordsOptions): number {
  const found = findRows(word);
  if (!found.ok) {
    if (options.json === true) printJson([]);
    const hint =
      found.nearest === undefined ? 'lvsd keywords lists all' : `did you mean '${found.nearest}'?`;
    printError(`There is no keyword '${word}': ${hint}`);
    return 1;
  }
  if (options.json === true) printJson(keywordsToJson(found.rows));
  else printLine(describeKeyword(found.rows));
  return 0;
}
