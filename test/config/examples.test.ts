/**
 * conf/examples: what each says in strict mode, and the model under --compat, as files in
 * test/golden/examples. `LVSD_UPDATE_GOLDEN=1 vitest run test/config/examples.test.ts` rewrites them.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderDiagnostics } from '../../src/config/diagnostics.ts';
import { dumpConfig } from '../../src/config/dump.ts';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { askKeepalived } from './keepalived-verdict.ts';

const EXAMPLES = join(import.meta.dirname, '../../conf/examples');
const GOLDEN = join(import.meta.dirname, '../golden/examples');
const NOT_YET = '# Not yet without --compat: ';
/** The program of a notify script is the user's own. */
const PROGRAM_ABSENT = 'LVS1247';
const isUpdating = process.env.LVSD_UPDATE_GOLDEN === '1';
const names = globSync(join(EXAMPLES, '*.conf'))
  .map((file) => basename(file))
  .sort();
const texts = new Map(names.map((name) => [name, readFileSync(join(EXAMPLES, name), 'utf8')]));
const verdicts = askKeepalived(texts);

/** The hosts that the file speaks to. */
function hostsOf(text: string): readonly string[] {
  const words = text.split('\n').flatMap((line) => /^\s*@(\w+)/.exec(line)?.[1] ?? []);
  return [...new Set(words)].sort();
}

function load(name: string, configId: string, compat: boolean): LoadResult {
  return loadConfig(join(EXAMPLES, name), { configId, compat });
}

test('there is one for each of the usual jobs', () => {
  expect(names.map((name) => name.replace('.conf', ''))).toEqual([
    'bfd',
    'dr-pair',
    'fwmark',
    'health-checks',
    'ipv6',
    'nat-pair',
    'nginx-vip',
    'several-services',
    'sync-group',
    'udp-dns',
    'unicast-cloud',
    'web-checks',
  ]);
});

describe.each(names)('%s', (name) => {
  const text = texts.get(name) ?? '';
  const hosts = hostsOf(text);

  test('speaks to two hosts, and begins with what it is for', () => {
    expect(hosts).toHaveLength(2);
    expect(text).toMatch(/^# [A-Z]/);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test.each(hosts)('loads as %s without a word, or says in its first line why not', (host) => {
    const { diagnostics } = load(name, host, false);
    const isNotYet = text.startsWith(NOT_YET);
    // Warnings of what this machine lacks do not count there: a script that is not installed.
    const counted = diagnostics.filter(
      ({ code, severity }) => severity === 'error' || !(isNotYet || code === PROGRAM_ABSENT),
    );
    expect([...new Set(counted.map(({ code }) => code))]).toEqual(isNotYet ? ['LVS1022'] : []);
    expect(load(name, host, true).config).toBeDefined();
  });

  test('is a file that keepalived starts on', () => {
    const { exitStatus, said } = verdicts.get(name) ?? { exitStatus: -1, said: '' };
    const starts = exitStatus === 0 || exitStatus === 5;
    expect({ starts, said }).toMatchObject({ starts: true });
  });

  test('means what the golden file says', () => {
    const expectation = join(GOLDEN, name.replace(/\.conf$/, '.txt'));
    const actual = describeExample(name, hosts[0] ?? '');
    if (isUpdating) writeFileSync(expectation, actual);
    expect(actual).toBe(readFileSync(expectation, 'utf8'));
  });
});

function describeExample(name: string, host: string): string {
  const { diagnostics, sources } = load(name, host, false);
  const shown = renderDiagnostics(diagnostics, sources, { color: false });
  const { config } = load(name, host, true);
  const model = config === undefined ? 'no config' : dumpConfig(config, { spans: false });
  const text = shown.replaceAll(`${EXAMPLES}/`, '');
  return `${text}---- as ${host}, --compat\n${JSON.stringify(model, null, 2)}\n`;
}
