import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig, MAX_FILE_BYTES } from '../../src/config/load.ts';

const SHIPPED = join(import.meta.dirname, '../../conf/lvs.conf');
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-load-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

test.each([
  ['director1', 150],
  ['director2', 100],
])('the shipped file says nothing on %s and gives it priority %i', (configId, priority) => {
  const { config, diagnostics } = loadConfig(SHIPPED, { configId });
  expect(diagnostics).toEqual([]);
  expect(config?.vrrpInstances).toMatchObject([
    {
      priority,
      initialState: 'BACKUP',
      virtualRouterId: 51,
      interface: 'eth0',
      version: 3,
      advertIntervalMs: 1000,
      virtualAddresses: [{ address: { text: '192.168.10.188' }, prefixLength: 32 }],
    },
  ]);
  expect(config?.virtualServers).toMatchObject([
    {
      address: { text: '192.168.10.188' },
      port: 80,
      scheduler: 'rr',
      realServers: ['192.168.10.101', '192.168.10.102'].map((text) => ({
        address: { text },
        port: 80,
        forwardingMethod: 'droute',
        checkers: [{ kind: 'HTTP_GET', alpha: true, delayLoopMs: 1000, connectTimeoutMs: 1000 }],
      })),
    },
  ]);
});

test('the shipped file on a host of another name warns and names the ids', () => {
  const { config, diagnostics } = loadConfig(SHIPPED, { configId: 'elsewhere' });
  expect(diagnostics.map(({ message }) => message)).toEqual([
    "No line of this file is for 'elsewhere'; it has lines for @director1, @director2",
  ]);
  expect(config?.vrrpInstances[0]?.priority).toBe(100);
});

test('an absent file, a directory and a binary are told apart', () => {
  const load = (path: string) => loadConfig(path, { configId: 'x' }).unreadable?.code;
  expect(load(join(directory, 'absent'))).toBe('ABSENT');
  expect(load(join(directory))).toBe('IS_DIRECTORY');
  expect(load(write('binary', new Uint8Array([65, 0, 66])))).toBe('NOT_TEXT');
  expect(load(join(write('plain', 'a'), 'below'))).toBe('ABSENT');
});

test('a file larger than the bound is not read', () => {
  const path = write('large', '');
  truncateSync(path, MAX_FILE_BYTES + 1);
  expect(loadConfig(path, { configId: 'x' }).unreadable?.code).toBe('TOO_LARGE');
});

test('an endless device is read to the bound only', () => {
  expect(loadConfig('/dev/zero', { configId: 'x' }).unreadable?.code).toBe('TOO_LARGE');
});

test('the message is one sentence with the path', () => {
  const { unreadable, diagnostics, config } = loadConfig('/nonexistent.conf', { configId: 'x' });
  expect(unreadable?.message).toBe(
    "Cannot read the configuration '/nonexistent.conf': there is no such file",
  );
  expect({ diagnostics, config }).toEqual({ diagnostics: [], config: undefined });
});

test('includes are relative to the including file, sorted, without directories', () => {
  mkdirSync(join(directory, 'conf.d/sub.conf'), { recursive: true });
  write('conf.d/b.conf', 'global_defs {\n router_id b\n}');
  write('conf.d/a.conf', 'global_defs {\n router_id a\n}\ninclude ../more.conf');
  write('more.conf', 'global_defs {\n vrrp_version 3\n}');
  const path = write('main.conf', 'include conf.d/*.conf\ninclude conf.d/none*.conf\n');
  const { sources, diagnostics } = loadConfig(path, { configId: 'x' });
  const names = [...sources.keys()].map((file) => file.slice(directory.length + 1));
  expect(names).toEqual(['main.conf', 'conf.d/a.conf', 'more.conf', 'conf.d/b.conf']);
  expect(diagnostics.map(({ code }) => code)).toEqual(['LVS1008', 'LVS1030']);
});

test('an include that cannot be read is an error at its line', () => {
  const path = write('bad-include.conf', '\ninclude absent.conf\n');
  const { diagnostics, unreadable } = loadConfig(path, { configId: 'x' });
  expect(unreadable).toBeUndefined();
  expect(diagnostics).toMatchObject([{ code: 'LVS1001', span: { line: 2, column: 9 } }]);
});

test.each([
  ['absent', undefined, 'LVS1243'],
  ['plain', 0o644, 'LVS1244'],
  ['loose', 0o777, 'LVS1245'],
])('a script on the disk that is %s is pointed at', (name, mode, code) => {
  const script = mode === undefined ? join(directory, name) : write(name, '#!/bin/sh\n');
  if (mode !== undefined) chmodSync(script, mode);
  const text = `vrrp_script a {\n  script "${script} x"\n}\n`;
  const { diagnostics } = loadConfig(write('script.conf', text), { configId: 'x' });
  expect(diagnostics.map((each) => `${each.code} ${each.span.line}`)).toContain(`${code} 2`);
});

test('a command without a slash is looked for in PATH', () => {
  const text =
    'vrrp_script a {\n  script "sh -c true"\n}\nvrrp_script b {\n  script lvsd-absent\n}\n';
  const { diagnostics } = loadConfig(write('path.conf', text), { configId: 'x' });
  const missing = diagnostics.filter(({ code }) => code === 'LVS1243');
  expect(missing.map(({ span }) => span.line)).toEqual([5]);
});
