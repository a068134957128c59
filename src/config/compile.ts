/**
 * Text to Config: expand, parse, then every block against the keyword table. Everything that is
 * wrong is collected; a Config comes out only when nothing is an error.
 */
import { checkKernelSettings, checkStopPolicy } from './check-kernel-settings.ts';
import { leaveOutIncomplete } from './compat-left-out.ts';
import { namesForOne } from './compile-bfd.ts';
import { compileGlobalDefs } from './compile-global.ts';
import { compileServerGroups, compileTlsClient } from './compile-server-group.ts';
import { compileVirtualServers } from './compile-virtual-server.ts';
import { compileInstances } from './compile-vrrp.ts';
import { compileOldSyncDaemon, compileVrrpBlocks, knownNames } from './compile-vrrp-blocks.ts';
import { collectDiagnostics, type Diagnostic, type Report } from './diagnostics.ts';
import { expandConfig } from './expand.ts';
import type { Surroundings } from './expand-parameters.ts';
import type { FileCheck, FileFacts } from './file-facts.ts';
import type { IncludePort } from './include.ts';
import type { BlockReading, KeptBlocks } from './kept-blocks.ts';
import type { Config } from './model.ts';
import { parseConfig, ROOT_CONTEXT, type Statement } from './parser.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { contextOpenedBy, isKnown } from './schema.ts';
import { groupsByName } from './service-endpoints.ts';
import type { Place } from './source.ts';

export interface CompileOptions {
  /** `-i`, or the host name up to its first dot. */
  readonly configId: string;
  readonly include: IncludePort;
  /** Errors on which keepalived would start are warnings, and the model is what is left then. */
  readonly compat?: boolean;
  /** Absent: what the configuration says of files is not compared with the disk. */
  readonly files?: FileFacts;
  /** Absent where built-in parameters have nothing to ask. */
  readonly surroundings?: Surroundings;
  /** What is known of this file from the last time. Of no use to `compat`. */
  readonly blocks?: KeptBlocks;
}

export interface CompileResult {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when a diagnostic is an error. */
  readonly config?: Config;
  /** There are errors, and `--compat` would make every one of them a warning. */
  readonly isLiftable: boolean;
  /** File -> text, of all that was read: for rendering. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Reads `text`, the content of `file`. Never throws, whatever the text. With `blocks` the result is the
 * same and comes sooner; where anything is wrong everything is read, so that all of it is said.
 */
export function compileText(file: string, text: string, options: CompileOptions): CompileResult {
  const { blocks } = options;
  if (blocks === undefined || options.compat === true) return compileOnce(file, text, options);
  if (!blocks.isEmpty) {
    const reading = blocks.read(false);
    const result = compileOnce(file, text, options, reading);
    if (result.config !== undefined && reading.isWhole) {
      blocks.keep(reading);
      return result;
    }
  }
  const reading = blocks.read(true);
  const result = compileOnce(file, text, options, reading);
  if (result.config !== undefined) blocks.keep(reading);
  return result;
}

function compileOnce(
  file: string,
  text: string,
  options: CompileOptions,
  blocks?: BlockReading,
): CompileResult {
  const collector = collectDiagnostics(options);
  const report = blocks?.counting(collector.report) ?? collector.report;
  const { lines, sources } = expandConfig(file, text, { ...options, report, blocks });
  const { statements, isReliable } = parseConfig(lines, { contextOpenedBy, isKnown }, report);
  const place = { source: { file, text }, line: 1, column: 1, endColumn: 1 };
  if (!isReliable) report('bracesUnclear', place, {});
  const isCompat = options.compat === true;
  const counted = isCompat ? leaveOutIncomplete(statements, report) : statements;
  const facts = options.files && blocks ? blocks.watching(options.files) : options.files;
  const ports = { facts, blocks };
  // Where the braces are a guess, strict mode says nothing more: it would be about the guess.
  const config =
    isReliable || isCompat ? compileStatements(counted, place, { report, ...ports }) : undefined;
  if (config !== undefined && !collector.hasErrors() && isEmpty(config)) {
    report('nothingConfigured', place, {});
  }
  const isUsable = config !== undefined && !collector.hasErrors();
  return {
    diagnostics: collector.finish(sources.keys()),
    ...(isUsable ? { config } : {}),
    isLiftable: collector.isLiftable() && (isReliable || isGuessUsable(statements, place, ports)),
    sources,
  };
}

/** Whether `--compat` starts on what was not compiled. */
function isGuessUsable(
  statements: readonly Statement[],
  place: Place,
  { facts }: { readonly facts: FileFacts | undefined },
): boolean {
  const { report, hasErrors } = collectDiagnostics({ compat: true });
  compileStatements(leaveOutIncomplete(statements, report), place, { report, facts });
  return !hasErrors();
}

interface CompilePorts {
  readonly report: Report;
  readonly facts?: FileFacts | undefined;
  readonly blocks?: BlockReading | undefined;
}

/** What the statements mean, as far as they can be understood. */
export function compileStatements(
  statements: readonly Statement[],
  place: Place,
  { report, facts, blocks }: CompilePorts,
): Config {
  const root = readBlock({ context: ROOT_CONTEXT, place }, statements, report);
  const globals = compileGlobalDefs(root.all('global_defs'), place, { report, facts });
  const lvs = compileLvs(root, globals.files, blocks);
  const around = { names: knownNames(root, lvs.virtualServers), files: globals.files };
  const entries = root.all('virtual_server');
  checkStopPolicy(globals.globalDefs, globals.block, lvs.virtualServers, report);
  checkKernelSettings(
    globals.globalDefs,
    globals.block,
    { services: lvs.virtualServers, entries },
    report,
  );
  return {
    globalDefs: { ...compileOldSyncDaemon(root), ...globals.globalDefs },
    vrrpInstances: compileInstances(root.all('vrrp_instance'), globals, around),
    ...lvs,
    ...compileVrrpBlocks(root, globals.block, around),
  };
}

/** Groups, services and what they are shown with. */
function compileLvs(
  root: ReadBlock,
  files: FileCheck,
  blocks: BlockReading | undefined,
): Omit<Config, 'globalDefs' | 'vrrpInstances'> {
  const { report } = files;
  const groups = compileServerGroups(root.all('virtual_server_group'), report);
  const tlsClient = compileTlsClient(root.entry('SSL'), report);
  const services = compileVirtualServers(root.all('virtual_server'), {
    report,
    files,
    groups: groupsByName(groups),
    trackFiles: namesOf(root.all('track_file')),
    bfdInstances: namesOf(root.all('bfd_instance')),
    bfdForVrrp: namesForOne(root.all('bfd_instance'), 'vrrp'),
    tlsClient,
    blocks,
  });
  return {
    virtualServers: services,
    ...(groups.length === 0 ? {} : { virtualServerGroups: groups }),
    ...(tlsClient === undefined ? {} : { tlsClient }),
  };
}

function namesOf(entries: readonly Entry[]): ReadonlySet<string> {
  return new Set(entries.flatMap(({ value }) => (typeof value === 'string' ? value : [])));
}

function isEmpty({ vrrpInstances, virtualServers, bfdInstances = [] }: Config): boolean {
  return vrrpInstances.length + virtualServers.length + bfdInstances.length === 0;
}
