/** Compiles text in memory: included files are a map, and nothing touches the disk. */
import { type CompileResult, compileText } from '../../src/config/compile.ts';
import type { Report } from '../../src/config/diagnostics.ts';
import { collectDiagnostics } from '../../src/config/diagnostics.ts';
import type { IncludePort } from '../../src/config/include.ts';
import { scanSource } from '../../src/config/scanner.ts';
import type { Line } from '../../src/config/source.ts';
import { NAMED_FILES } from './vrrp-cases.ts';

export type Files = Readonly<Record<string, string>>;

/**
 * `*` alone is a pattern for all files, in the order of the map; `directory` is none that can be
 * read.
 */
export function includesFrom(files: Files): IncludePort {
  return {
    glob: (pattern) => (pattern === '*' ? Object.keys(files) : [pattern]),
    read: (file) => {
      if (file === 'directory') return { ok: false, reason: 'a directory', isSkipped: true };
      const text = files[file];
      return text === undefined
        ? { ok: false, reason: 'no such file', isAbsent: true }
        : { ok: true, text };
    },
  };
}

export function compile(text: string, files: Files = {}, configId = 'director1'): CompileResult {
  return compileText('lvs.conf', text, {
    configId,
    include: includesFrom(files),
    files: NAMED_FILES,
  });
}

/** `LVS1020 2:5`, in reading order. */
export function codesOf(result: CompileResult): readonly string[] {
  return result.diagnostics.map(({ code, span }) => `${code} ${span.line}:${span.column}`);
}

export interface Scanned {
  readonly lines: readonly Line[];
  readonly codes: readonly string[];
}

export function scan(text: string): Scanned {
  const collector = collectDiagnostics();
  const report: Report = collector.report;
  const lines = scanSource({ file: 'lvs.conf', text }, report);
  return { lines, codes: collector.finish(['lvs.conf']).map(({ code }) => code) };
}

/** CPU time of this thread: unlike the clock it does not run while others do. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
