/** What becomes of the notices of services and servers: events and lines of a real FIFO, each state once. */
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { Config } from '../../src/config/model.ts';
import { Notices } from '../../src/daemon/notices.ts';
import type { LvsNotice } from '../../src/ipvs/notice.ts';
import { configWith, span } from '../fake/configs.ts';
import { FakeTime } from '../fake/fake-time.ts';

const service = {
  span,
  kind: 'address',
  address: { family: 'inet', text: '10.0.0.188' },
  port: 80,
  protocol: 'tcp',
  scheduler: 'rr',
  realServers: [],
} as const;
const DOWN_AT_START: LvsNotice = {
  object: 'VS',
  name: 'tcp 10.0.0.188:80',
  state: 'DOWN',
  reason: 'live weight 0, threshold 1',
  isInitial: true,
  line: 'VS [10.0.0.188]:tcp:80 DOWN',
};
const LINE = 'VS [10.0.0.188]:tcp:80 DOWN\n\0';

let directory: string;
let path: string;
let notices: Notices;
let reader: number | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-notices-'));
  path = join(directory, 'lvs');
  const { clock, setTimer } = new FakeTime();
  notices = new Notices({ clock, log: silentLog, setTimer });
});

afterEach(async () => {
  if (reader !== undefined) closeSync(reader);
  reader = undefined;
  await notices.stop(0);
  rmSync(directory, { recursive: true, force: true });
});

function configured(hasService: boolean, isReload: boolean): void {
  const { globalDefs, ...rest } = configWith();
  const config: Config = {
    ...rest,
    globalDefs: { ...globalDefs, lvsNotifyFifo: { path } },
    virtualServers: hasService ? [service] : [],
  };
  notices.configure(config, isReload);
  reader ??= openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

function written(): string {
  const buffer = Buffer.alloc(4096);
  return buffer.subarray(0, readSync(reader ?? -1, buffer)).toString();
}

it('a FIFO and the events get a notice', () => {
  configured(true, false);
  notices.service(DOWN_AT_START);
  expect(written()).toBe(LINE);
  expect(notices.eventsSince(0).events).toMatchObject([
    { kind: 'service', object: 'VS', text: expect.stringContaining('is DOWN: live weight 0') },
  ]);
});

it('a replaced health process that finds the same tells nothing new', () => {
  configured(true, false);
  notices.service(DOWN_AT_START);
  notices.service(DOWN_AT_START);
  expect(written()).toBe(LINE);
  const up = { ...DOWN_AT_START, state: 'UP', line: 'VS [10.0.0.188]:tcp:80 UP' } as const;
  notices.service(up);
  expect(written()).toBe('VS [10.0.0.188]:tcp:80 UP\n\0');
});

it('a change is told, whatever was told before', () => {
  configured(true, false);
  notices.service(DOWN_AT_START);
  notices.service({ ...DOWN_AT_START, isInitial: false });
  expect(written()).toBe(LINE + LINE);
});

it('a certificate that ends soon is an event, once', () => {
  const warning = {
    serverName: 'tcp 10.0.0.188:80/10.0.0.1:443',
    checker: 'SSL_GET',
    endsMs: Date.parse('2126-01-31T00:00:00Z'),
  } as const;
  notices.expiry(warning);
  notices.expiry(warning);
  notices.expiry({ ...warning, endsMs: 0 });
  expect(notices.eventsSince(0).events.map(({ text }) => text)).toEqual([
    `${warning.serverName}: the certificate that SSL_GET was shown ends 2126-01-31T00:00:00.000Z`,
    `${warning.serverName}: the certificate that SSL_GET was shown ended 1970-01-01T00:00:00.000Z`,
  ]);
});

it('a service that was removed and comes back is news', () => {
  configured(true, false);
  notices.service(DOWN_AT_START);
  configured(false, true);
  configured(true, true);
  notices.service(DOWN_AT_START);
  expect(written()).toBe(LINE + LINE);
});
