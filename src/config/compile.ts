/**
 * Text to Config: expand, parse, then every block against the keyword table. Everything that is
 * wrong is collected; a Config comes out only when nothing is an error.
 */
import { compileGlobalDefs } from './compile-global.ts';
import { compileVirtualServers } from './compile-virtual-server.ts';
import { compileInstances } from './compile-vrrp.ts';
import { collectDiagnostics, type Diagnostic, type Report } from './diagnostics.ts';
import { expandConfig } from './expand.ts';
import type { Surroundings } from './expand-parameters.ts';
import type { IncludePort } from './include.ts';
import type { Config } from './model.ts';
import { parseConfig, ROOT_CONTEXT, type Statement } from './parser.ts';
import { readBlock } from './read-block.ts';
import { contextOpenedBy, isKnown } from './schema.ts';
import type { Place } from './source.ts';

export interface CompileOptions {
  /** `-i`, or the host name up to its first dot. */
  readonly configId: string;
  readonly include: IncludePort;
  /** Absent where built-in parameters have nothing to ask. */
  readonly surroundings?: Surroundings;
}

export interface CompileResult {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when a diagnostic is an error. */
  readonly config?: Config;
  /** File -> text, of all that was read: for rendering. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Reads `text`, the content of `file`. Never throws, whatever the text. */
export function compileText(file: string, text: string, options: CompileOptions): CompileResult {
  const collector = collectDiagnostics();
  const { report } = collector;
  const { lines, sources } = expandConfig(file, text, { ...options, report });
  const { statements, isReliable } = parseConfig(lines, { contextOpenedBy, isKnown }, report);
  const place = { source: { file, text }, line: 1, column: 1, endColumn: 1 };
  const config = isReliable ? compileStatements(statements, place, report) : undefined;
  if (config !== undefined && !collector.hasErrors() && isEmpty(config)) {
    report('nothingConfigured', place, {});
  }
  const isUsable = config !== undefined && !collector.hasErrors();
  return {
    diagnostics: collector.finish(sources.keys()),
    ...(isUsable ? { config } : {}),
    sources,
  };
}

function compileStatements(statements: readonly Statement[], place: Place, report: Report): Config {
  const root = readBlock({ context: ROOT_CONTEXT, place }, statements, report);
  const globals = compileGlobalDefs(root.all('global_defs'), place, report);
  return {
    globalDefs: globals.globalDefs,
    vrrpInstances: compileInstances(root.all('vrrp_instance'), globals, report),
    virtualServers: compileVirtualServers(root.all('virtual_server'), report),
  };
}

function isEmpty(config: Config): boolean {
  return config.vrrpInstances.length === 0 && config.virtualServers.length === 0;
}
