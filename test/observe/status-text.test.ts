import { describe, expect, it } from 'vitest';
import type { BfdSnapshot } from '../../src/bfd/snapshot.ts';
import type { ServerHealth } from '../../src/health/engine.ts';
import { age } from '../../src/observe/screen.ts';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { renderStatus } from '../../src/observe/status-text.ts';

const NOW = Date.parse('2026-01-01T00:10:00.000Z');

const status: DaemonStatus = {
  protocol: 1,
  version: '0.1.0',
  pid: 42,
  configFile: '/etc/lvsd/lvs.conf',
  configId: 'director1',
  startedAt: '2026-01-01T00:00:00.000Z',
  loadedAt: '2026-01-01T00:09:00.000Z',
  processes: {
    vrrp: { state: 'running', pid: 43, restarts: 1 },
    health: { state: 'running', pid: 44, restarts: 0 },
    bfd: { state: 'not-needed', restarts: 0 },
  },
  trackers: [],
  notify: { scripts: [], fifos: [] },
  vrrp: [
    {
      name: 'VI_1',
      interface: 'eth0',
      virtualRouterId: 51,
      version: 3,
      state: 'BACKUP',
      sinceMs: NOW - 5_000,
      reason: 'HIGHER_PRIORITY_ADVERT',
      priority: 100,
      effectivePriority: 100,
      masterAddress: '192.168.10.100',
      masterPriority: 150,
      advertIntervalMs: 1_000,
      masterDownIntervalMs: 3_609.375,
      addresses: ['192.168.10.188/32'],
      releasing: false,
      counters: {},
    },
  ],
  health: {
    servers: [
      {
        name: 'tcp 192.168.10.188:80/192.168.10.101:80',
        isUp: false,
        sinceMs: NOW - 61_000,
        checkers: [],
      },
    ],
    ipvs: {
      services: [{ name: 'tcp 192.168.10.188:80', scheduler: 'rr', servers: [] }],
      draining: [],
      roundMs: 0,
      foreignServices: ['tcp 192.168.10.9:80'],
      lastReadAtMs: NOW,
      driftRepairs: 2,
      errors: 0,
      consecutiveErrors: 0,
    },
  },
};

describe('renderStatus', () => {
  it('says on one screen who has the VIP, which servers are out, and what is odd', () => {
    expect(renderStatus(status, { color: false, nowMs: NOW }).split('\n')).toEqual([
      'lvsd 0.1.0, pid 42, /etc/lvsd/lvs.conf as director1, loaded 60 s ago',
      'vrrp process: running, restarted 1 time',
      '',
      'INSTANCE  STATE   FOR  PRIO  MASTER                IF/VRID  ADDRESSES          BECAUSE',
      'VI_1      BACKUP  5 s  100   192.168.10.100 (150)  eth0/51  192.168.10.188/32  HIGHER_PRIORITY_ADVERT',
      '',
      'tcp 192.168.10.188:80  rr  0 of 1 up',
      '  SERVER             STATE  FOR   FORWARD  WEIGHT  ACTIVE  INACT  BECAUSE',
      '  192.168.10.101:80  DOWN   61 s  -        -       -       -      no checker, always up',
      'IPVS entries put back after somebody else changed them: 2',
      'Left alone, created by somebody else: tcp 192.168.10.9:80',
    ]);
  });

  it('says what holds an instance back, what is tracked, and which scripts failed', () => {
    const run = { outcome: 'exit status 2', tookMs: 5, atMs: NOW, stderr: 'no route\nmore' };
    const [instance] = status.vrrp;
    if (instance === undefined) throw new Error('No instance');
    const shown = {
      ...instance,
      effectivePriority: 90,
      faults: ['script chk'],
      contributions: [
        { source: 'script chk', amount: 0, isUp: false, isFault: true, reason: 'exit status 2' },
        { source: 'file load', amount: -10, isUp: true, isFault: false, reason: 'holds -10' },
      ],
      splitBrain: { peer: '192.168.10.99', priority: 100, sinceMs: 1 },
      handedOver: true,
      awaitsChecks: true,
    };
    const text = renderStatus(
      {
        ...status,
        vrrp: [shown],
        trackers: [
          {
            kind: 'script',
            name: 'chk',
            isUp: false,
            reason: 'exit status 2',
            weight: 0,
            isReversed: false,
            lastRun: run,
          },
          {
            kind: 'file',
            name: 'load',
            isUp: true,
            value: -10,
            reason: 'holds -10',
            weight: 1,
            isReversed: true,
          },
        ],
        notify: {
          scripts: [
            {
              object: 'INSTANCE VI_1',
              waiting: 1,
              dropped: 0,
              results: [{ ...run, script: '/etc/n', state: 'MASTER' }],
            },
          ],
          fifos: [
            {
              path: '/run/f',
              written: 9,
              waiting: 3,
              lost: 1,
              script: { path: '/r', isRunning: false, restarts: 2, lastOutcome: 'exit status 1' },
            },
          ],
        },
      },
      { color: false, nowMs: NOW },
    );
    expect(text.split('\n').slice(5, 18)).toEqual([
      'VI_1 is held in FAULT by script chk (exit status 2)',
      'VI_1 priority 90 = 100 - 10 file load',
      'VI_1 SPLIT BRAIN: 192.168.10.99 (100) is master too',
      'VI_1 was handed over and does not take it back',
      'VI_1 preempts nobody before its servers have been checked',
      '',
      'TRACKER     STATE  VALUE  WEIGHT     BECAUSE',
      'script chk  DOWN   -      0          exit status 2: no route',
      'file load   up     -10    1 reverse  holds -10',
      'INSTANCE VI_1: /etc/n for MASTER: exit status 2',
      'INSTANCE VI_1: 1 notify scripts wait, 0 were left out',
      'FIFO /run/f: nobody reads, 3 lines wait, 1 lost',
      'FIFO script /r ended 2 times (exit status 1)',
    ]);
  });

  it('shows a group as one service, its quorum, and who is on the way out', () => {
    const server = {
      name: '',
      forwardingMethod: 'droute',
      weight: 1,
      activeConnections: 2,
      inactiveConnections: 3,
      persistentConnections: 0,
    } as const;
    const services = [80, 81].map((port) => ({
      name: `tcp 10.50.0.1:${port}`,
      scheduler: 'wlc',
      servers: [{ ...server, endpoint: `10.0.0.1:${port}` }],
    }));
    const drain = {
      service: 'tcp 10.50.0.1:80',
      server: '10.0.0.9:80',
      cause: 'removed',
      sinceMs: 0,
      deadlineMs: 1,
      connections: 4,
    } as const;
    const pool = {
      name: 'tcp group web',
      services: services.map(({ name }) => name),
      hasQuorum: false,
      liveWeight: 1,
      quorum: 2,
      hysteresis: 0,
      relief: 'backup',
    } as const;
    const health = {
      servers: [
        { name: 'tcp group web/10.0.0.1:0', isUp: true, sinceMs: NOW - 61_000, checkers: [] },
      ],
      pools: [pool],
      ipvs: {
        services,
        draining: [drain],
        roundMs: 0,
        foreignServices: [],
        lastReadAtMs: NOW,
        driftRepairs: 0,
        errors: 0,
        consecutiveErrors: 0,
      },
    };
    const text = renderStatus({ ...status, health }, { color: false, nowMs: NOW });
    expect(text.split('\n').slice(6)).toEqual([
      'tcp group web  wlc  1 of 1 up  quorum lost (weight 1 of 2), the backup pool serves',
      '  SERVER      STATE  FOR   FORWARD  WEIGHT  ACTIVE  INACT  BECAUSE',
      '  10.0.0.1:0  up     61 s  Route    1       4       6      no checker, always up',
      'Draining, removed: 10.0.0.9:80 of tcp 10.50.0.1:80, 4 connections left',
    ]);
  });

  it('names certificates that end within cert_expiry_warn, or have ended', () => {
    const day = 86_400_000;
    const server = (certificateEndsMs: number, certExpiryWarnDays?: number): ServerHealth => ({
      name: 'tcp 10.0.0.188:443/10.0.0.1:443',
      isUp: true,
      sinceMs: NOW,
      checkers: [
        {
          kind: 'SSL_GET',
          target: '10.0.0.1:443',
          isUp: true,
          history: [],
          consecutiveFailures: 0,
          checks: 1,
          failures: 0,
          inconclusive: 0,
          nextCheckInMs: 0,
          certificateEndsMs,
          ...(certExpiryWarnDays === undefined ? {} : { certExpiryWarnDays }),
        },
      ],
    });
    const soon = [server(NOW + 9 * day, 10), server(NOW - 3 * day, 10)];
    const fine = [server(NOW + 11 * day, 10), server(NOW - day)];
    const { health } = status;
    if (health === undefined) throw new Error('No health');
    const render = (servers: readonly ServerHealth[]): readonly string[] =>
      renderStatus({ ...status, health: { ...health, servers } }, { color: false, nowMs: NOW })
        .split('\n')
        .filter((line) => line.startsWith('Certificate'));
    expect(render([...soon, ...fine])).toEqual([
      'Certificate of tcp 10.0.0.188:443/10.0.0.1:443 (SSL_GET) ends in 9 d',
      'Certificate of tcp 10.0.0.188:443/10.0.0.1:443 (SSL_GET) ended 3 d ago',
    ]);
  });

  it('colours only when asked to', () => {
    expect(renderStatus(status, { color: false, nowMs: NOW })).not.toContain('\u001b');
    expect(renderStatus(status, { color: true, nowMs: NOW })).toContain('\u001b[31m');
  });
});

describe('age', () => {
  it.each([
    [0, '0 s'],
    [119_999, '119 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
    [-5, '0 s'],
  ])('of %d ms is %s', (ms, text) => {
    expect(age(NOW - ms, NOW)).toBe(text);
  });
});

describe('BFD sessions', () => {
  const session: BfdSnapshot = {
    name: 'uplink',
    neighbor: '10.0.0.2',
    isMultihop: false,
    isPassive: false,
    state: 'Down',
    sinceMs: NOW - 3_000,
    reason: 'Control Detection Time Expired, neighbor 10.0.0.2 is not heard',
    diagnostic: 'Control Detection Time Expired',
    discriminator: 7,
    remote: {
      state: 'Up',
      diagnostic: 'No Diagnostic',
      discriminator: 0,
      minRxMs: 10,
      minTxMs: 20,
      multiplier: 3,
    },
    transmitIntervalMs: 1_000,
    detectionTimeMs: 60,
    isPolling: false,
    ups: 2,
    downs: 2,
    sent: 9,
    received: 8,
    refused: { TTL_TOO_LOW: 4 },
    sendErrors: { ENETUNREACH: 1 },
  };
  const shown = (bfd: DaemonStatus['bfd']): string =>
    renderStatus(
      { ...status, ...(bfd === undefined ? {} : { bfd }) },
      { color: false, nowMs: NOW },
    );

  it('are a line each, with what keeps one down', () => {
    const text = shown({ sessions: [session], strangers: { UNKNOWN_NEIGHBOR: 5 } });
    expect(text).toMatch(/uplink +Down +3 s +10\.0\.0\.2 +1000 ms +60 ms +2\/2 +Control Detection/);
    expect(text).toContain('discards what 10.0.0.2 sends (TTL_TOO_LOW 4): it is further away');
    expect(text).toContain('uplink cannot send (ENETUNREACH 1)');
    expect(text).toContain('for no session: UNKNOWN_NEIGHBOR 5');
  });

  it('say nothing of old trouble while they are up, and nothing at all when there are none', () => {
    const text = shown({ sessions: [{ ...session, state: 'Up' }], strangers: {} });
    expect(text).not.toContain('TTL_TOO_LOW');
    expect(shown({ sessions: [], strangers: {} })).not.toContain('BFD');
  });
});
