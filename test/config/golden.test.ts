/**
 * test/golden/*.conf -> *.txt: the diagnostics as they are shown, then the model as JSON (without
 * spans). `LVSD_UPDATE_GOLDEN=1 vitest run test/config/golden.test.ts` rewrites the expectations;
 * commit only what you understand. A first line `# config-id: NAME` chooses the id, director1
 * otherwise.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { renderDiagnostics } from '../../src/config/diagnostics.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/model.ts';

const GOLDEN = join(import.meta.dirname, '../golden');
const isUpdating = process.env.LVSD_UPDATE_GOLDEN === '1';
/** Read under --compat: only so is there a model of what the daemon does not do yet. */
const SERVICES = join(GOLDEN, 'services');
const files = [GOLDEN, SERVICES].flatMap((folder) => globSync(join(folder, '*.conf')).sort());

test.each(files.map((file) => [basename(file), file]))('%s', (_name, file) => {
  const expectation = file.replace(/\.conf$/, '.txt');
  const actual = describeLoad(file);
  if (isUpdating) writeFileSync(expectation, actual);
  expect(actual).toBe(readFileSync(expectation, 'utf8'));
});

function describeLoad(file: string): string {
  const configId = /^# config-id: (\S+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 'director1';
  const { config, diagnostics, sources } = loadConfig(file, {
    configId,
    compat: file.startsWith(SERVICES),
  });
  const shown = renderDiagnostics(diagnostics, sources, { color: false });
  const text = shown.replaceAll(`${GOLDEN}/`, '');
  return `${text}---- ${config === undefined ? 'no config' : 'config'}\n${describeConfig(config)}`;
}

function describeConfig(config: Config | undefined): string {
  if (config === undefined) return '';
  const json = JSON.stringify(
    config,
    (key, value: unknown) => (key === 'span' ? undefined : value),
    2,
  );
  return `${json}\n`;
}
