import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { Config, VirtualAddressConfig } from '../../src/config/model.ts';
import { ask } from '../../src/daemon/control-client.ts';
import {
  type ControlResponse,
  decodeRequest,
  LineSplitter,
  REQUEST_BYTES_MAX,
} from '../../src/daemon/control-protocol.ts';
import { type ControlServer, openControlServer } from '../../src/daemon/control-server.ts';
import { findInstance } from '../../src/daemon/instance-name.ts';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { configWith, span, vrrpInstance } from '../fake/configs.ts';

const status: DaemonStatus = {
  protocol: 1,
  version: '0.1.0',
  pid: 1,
  configFile: 'lvs.conf',
  configId: 'director1',
  startedAt: '2026-01-01T00:00:00.000Z',
  loadedAt: '2026-01-01T00:00:00.000Z',
  processes: {
    vrrp: { state: 'not-needed', restarts: 0 },
    health: { state: 'not-needed', restarts: 0 },
    bfd: { state: 'not-needed', restarts: 0 },
  },
  vrrp: [],
  trackers: [],
  notify: { scripts: [], fifos: [] },
};

let directory: string;
let path: string;
let server: ControlServer | undefined;

async function open(): Promise<ControlServer> {
  const opened = await openControlServer({
    socket: { path, mode: 0o640 },
    log: silentLog,
    answer: ({ id }) => Promise.resolve({ id, ok: true, result: status }),
  });
  if (!opened.ok) throw new Error(opened.message);
  return opened.server;
}

/** Sends bytes as they are; resolves with all that comes back until the first line is complete. */
function sendRaw(bytes: string): Promise<ControlResponse> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(path, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received += String(chunk);
      if (!received.includes('\n')) return;
      socket.destroy();
      resolve(JSON.parse(received.split('\n')[0] ?? ''));
    });
    socket.on('error', reject);
  });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-control-'));
  path = join(directory, 'sub', 'control.sock');
});

afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(directory, { recursive: true, force: true });
});

describe('the control socket', () => {
  it('answers status, with the permissions that the configuration gives', async () => {
    server = await open();
    expect(statSync(path).mode & 0o777).toBe(0o640);
    await expect(ask(path, { command: 'status' })).resolves.toEqual({
      id: 1,
      ok: true,
      result: status,
    });
  });

  it('refuses to start beside a daemon that answers there', async () => {
    server = await open();
    const second = await openControlServer({
      socket: { path, mode: 0o660 },
      log: silentLog,
      answer: () => Promise.reject(new Error('never asked')),
    });
    expect(second).toMatchObject({ ok: false, code: 'ALREADY_RUNNING' });
    await expect(ask(path, { command: 'status' })).resolves.toMatchObject({ ok: true });
  });

  it('replaces the file of a daemon that is gone', async () => {
    server = await open();
    server.close();
    writeFileSync(path, '');
    server = await open();
    await expect(ask(path, { command: 'status' })).resolves.toMatchObject({ ok: true });
  });

  it('says so when nobody is there', async () => {
    const response = await ask(path, { command: 'status' });
    expect(response).toMatchObject({ ok: false, code: 'NOT_REACHABLE' });
    expect(response.ok ? '' : response.message).toContain('lvsd run');
  });

  it('names an unknown group', async () => {
    const opened = await openControlServer({
      socket: { path, mode: 0o660, group: 'no-such-group' },
      log: silentLog,
      answer: () => Promise.reject(new Error('never asked')),
    });
    expect(opened).toMatchObject({ ok: false, code: 'UNKNOWN_GROUP' });
  });

  it.each([
    ['garbage', 'GET / HTTP/1.1\n', 'BAD_REQUEST'],
    ['no id', '{"command":"status"}\n', 'BAD_REQUEST'],
    ['an unknown command', '{"id":7,"command":"reboot"}\n', 'UNKNOWN_COMMAND'],
    ['an endless line', 'x'.repeat(REQUEST_BYTES_MAX + 2), 'REQUEST_TOO_LONG'],
  ])('answers %s with an error and goes on serving', async (_what, bytes, code) => {
    server = await open();
    await expect(sendRaw(bytes)).resolves.toMatchObject({ ok: false, code });
    await expect(ask(path, { command: 'status' })).resolves.toMatchObject({ ok: true });
  });
});

describe('decodeRequest', () => {
  it.each(['', '[]', '1', 'null', '"status"', '{"id":"1","command":"status"}'])(
    'refuses %j without throwing',
    (line) => {
      expect(decodeRequest(line).ok).toBe(false);
    },
  );
});

describe('decodeRequest of a command with words', () => {
  it('reads events and handover', () => {
    expect(decodeRequest('{"id":1,"command":"events","since":7}')).toEqual({
      ok: true,
      request: { id: 1, command: 'events', since: 7 },
    });
    expect(decodeRequest('{"id":1,"command":"events"}')).toMatchObject({ request: { since: 0 } });
    expect(decodeRequest('{"id":1,"command":"handover","name":"VI_1"}')).toMatchObject({
      request: { command: 'handover', name: 'VI_1' },
    });
  });

  it.each([
    '{"id":1,"command":"events","since":-1}',
    '{"id":1,"command":"events","since":"1"}',
    '{"id":1,"command":"handover"}',
    '{"id":1,"command":"handover","name":5}',
  ])('refuses %s', (line) => {
    expect(decodeRequest(line)).toMatchObject({
      ok: false,
      response: { id: 1, code: 'BAD_REQUEST' },
    });
  });
});

describe('findInstance', () => {
  const address = (text: string): VirtualAddressConfig => ({
    span,
    address: { family: 'inet', text },
    prefixLength: 32,
    device: 'eth0',
    scope: 0,
  });
  const config: Config = {
    ...configWith(
      vrrpInstance({ virtualAddresses: [address('10.0.0.5'), address('10.0.0.9')] }),
      vrrpInstance({ name: 'VI_2', virtualAddresses: [address('10.0.0.9')] }),
    ),
    vrrpSyncGroups: [
      {
        name: 'G1',
        span,
        members: ['VI_2'],
        usesMemberWeights: false,
        notifiesPriorityChanges: false,
      },
    ],
  };

  it.each([
    ['VI_1', 'VI_1'],
    ['G1', 'VI_2'],
    ['10.0.0.5', 'VI_1'],
  ])('%s is %s', (given, name) => {
    expect(findInstance(config, given)).toEqual({ ok: true, name });
  });

  it('lists the candidates of a name that is unknown or that several have', () => {
    expect(findInstance(config, 'VI')).toEqual({
      ok: false,
      code: 'UNKNOWN_INSTANCE',
      message: 'No vrrp_instance is called VI: VI_1, VI_2, G1',
    });
    expect(findInstance(config, '10.0.0.9')).toEqual({
      ok: false,
      code: 'AMBIGUOUS_NAME',
      message: '10.0.0.9 is an address of several instances: VI_1, VI_2',
    });
  });
});

describe('LineSplitter', () => {
  it('gives the same lines however the stream is cut', () => {
    const text = 'one\ntwo\n\nthree\nrest';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const splitter = new LineSplitter(100);
      const lines = [text.slice(0, cut), text.slice(cut)].flatMap(
        (part) => splitter.push(part).lines,
      );
      expect(lines).toEqual(['one', 'two', '', 'three']);
    }
  });
});
