import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import {
  edited,
  inGlobals,
  inService,
  withoutServer,
  withScheduler,
  withService,
  withWeight,
} from '../../src/drill/configuration.ts';

const CONFIGURATION = readFileSync(new URL('../../conf/lvs.conf', import.meta.url), 'utf8');

/** As lvsd reads it: an edit that breaks the file would drill a refused reload. */
function read(text: string) {
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-edits-'));
  try {
    const file = join(directory, 'lvs.conf');
    writeFileSync(file, text);
    const { config } = loadConfig(file, { configId: 'director1', compat: false });
    if (config === undefined) throw new Error(`Refused: ${text}`);
    return config;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('an edit of conf/lvs.conf', () => {
  it('changes what it says, and the file is still one that lvsd takes', () => {
    const config = read(
      edited(CONFIGURATION, [
        withWeight('server1', 3),
        withScheduler('wrr'),
        withoutServer('server2'),
        inService('drain_timeout 7'),
        inGlobals('lvs_sync_daemon eth0 VI_1 id 51'),
      ]),
    );
    expect(config.virtualServers).toHaveLength(1);
    expect(config.virtualServers[0]).toMatchObject({
      scheduler: 'wrr',
      drainTimeoutMs: 7000,
      realServers: [{ address: { text: '192.168.10.101' }, weight: 3 }],
    });
  });

  it('adds a service with the servers of the first, on its own port', () => {
    const { virtualServers } = read(edited(CONFIGURATION, [withService(81)]));
    expect(virtualServers).toMatchObject([
      { port: 80, realServers: [{ port: 80 }, { port: 80 }] },
      { port: 81, realServers: [{ port: 81 }, { port: 81 }] },
    ]);
  });

  it('that finds no place throws: it would change nothing', () => {
    expect(() => edited('', [withWeight('server1', 3)])).toThrow('server1');
    expect(() => edited('', [withScheduler('wrr')])).toThrow('Nothing is like');
    expect(() => edited('', [inService('x')])).toThrow('no line');
    expect(() => edited('', [withService(81)])).toThrow('no virtual_server');
    expect(() =>
      edited(CONFIGURATION, [withoutServer('server1'), withoutServer('server1')]),
    ).toThrow();
  });
});
