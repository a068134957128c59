/** All sessions of a host, on sockets and a timer that are ours. */
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { type ControlPacket, decodePacket, encodePacket } from '../../src/bfd/packet.ts';
import { neededPorts, Sessions } from '../../src/bfd/sessions.ts';
import type { SessionReport } from '../../src/bfd/snapshot.ts';
import type { BfdInstanceConfig } from '../../src/config/model-vrrp.ts';
import type { BfdSenderOptions } from '../../src/kernel/bfd-socket.ts';
import type { Datagram, ReceiverHandlers } from '../../src/kernel/datagram-receiver.ts';
import { bfdInstance } from '../fake/bfd-instances.ts';
import { packet } from './packets.ts';

class Host {
  nowMs = 0;
  armedMs: number | undefined;
  /** Waiting in the socket. */
  arrived: Datagram[] = [];
  refusal: string | undefined;
  readonly listeners = new Map<string, ReceiverHandlers>();
  readonly senders: BfdSenderOptions[] = [];
  readonly sent: ControlPacket[] = [];
  readonly reports: SessionReport[] = [];
  readonly sessions: Sessions;
  #expire: () => void = () => {};

  constructor() {
    let chance = 0;
    this.sessions = new Sessions({
      clock: { monotonicMs: () => this.nowMs, realtimeMs: () => this.nowMs },
      log: silentLog,
      random: () => {
        chance = (chance + 0.37) % 1;
        return chance;
      },
      newTimer: (onExpire) => {
        this.#expire = onExpire;
        return {
          arm: (deadlineMs) => {
            this.armedMs = deadlineMs;
          },
          close: () => {
            this.armedMs = undefined;
          },
        };
      },
      openListener: (family, port, handlers) => {
        if (this.refusal !== undefined) {
          throw Object.assign(new Error('bind failed'), { code: this.refusal });
        }
        this.listeners.set(`${family} ${port}`, handlers);
        return {
          drain: () => {
            for (const datagram of this.arrived.splice(0)) handlers.onReceive(datagram);
          },
          close: () => this.listeners.delete(`${family} ${port}`),
        };
      },
      openSender: (options) => {
        this.senders.push(options);
        return {
          sourcePort: options.sourcePort,
          send: (payload) => {
            const decoded = decodePacket(payload);
            if (!decoded.ok) throw new Error(decoded.code);
            this.sent.push(decoded.packet);
            return { ok: true };
          },
          close: () => {},
        };
      },
      onReport: (report) => this.reports.push(report),
    });
  }

  /** Fires the timer whenever it is due, until `untilMs`. */
  run(untilMs: number): void {
    while (this.armedMs !== undefined && this.armedMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.armedMs);
      this.armedMs = undefined;
      this.#expire();
    }
    this.nowMs = untilMs;
  }

  /** The process stands still; then the timer fires first, as in libuv. */
  stallUntil(atMs: number): void {
    this.nowMs = atMs;
    this.armedMs = undefined;
    this.#expire();
  }

  datagram(changes: Partial<ControlPacket>, source = '10.0.0.2'): Datagram {
    return {
      payload: encodePacket(packet(changes)),
      source: { family: 'inet', text: source },
      destination: { family: 'inet', text: '10.0.0.1' },
      ttl: 255,
      ifindex: 2,
    };
  }

  hear(changes: Partial<ControlPacket>, source?: string): void {
    this.listeners.get('inet 3784')?.onReceive(this.datagram(changes, source));
  }

  get discriminator(): number {
    return this.sessions.snapshot()[0]?.discriminator ?? 0;
  }

  up(): void {
    this.run(0);
    this.hear({ state: 'Down' });
    this.hear({ state: 'Init', yourDiscriminator: this.discriminator, ...FAST });
    this.run(this.nowMs + 10);
    this.hear({ state: 'Up', yourDiscriminator: this.discriminator, isFinal: true, ...FAST });
  }
}

const FAST = { desiredMinTxUs: 20_000, requiredMinRxUs: 10_000 } as const;

let host: Host;
beforeEach(() => {
  host = new Host();
});

const configure = (...instances: readonly BfdInstanceConfig[]): void =>
  host.sessions.configure(instances);

describe('a session', () => {
  it('comes up, is told, and goes down in its detection time', () => {
    configure(bfdInstance());
    host.up();
    expect(host.reports.at(-1)).toMatchObject({ name: 'peer', state: 'Up', hasBeenUp: true });
    host.run(host.nowMs + 60);
    expect(host.reports.at(-1)).toMatchObject({ state: 'Down', hasBeenUp: true });
    expect(host.sessions.snapshot()[0]).toMatchObject({
      ups: 1,
      downs: 1,
      diagnostic: 'Control Detection Time Expired',
    });
  });

  it('is not lost by a stall of our own: what arrived meanwhile is read first', () => {
    configure(bfdInstance());
    host.up();
    const up = { state: 'Up', yourDiscriminator: host.discriminator, ...FAST } as const;
    host.arrived.push({ ...host.datagram(up), receivedMs: host.nowMs + 495 });
    host.stallUntil(host.nowMs + 500);
    expect(host.sessions.snapshot()[0]).toMatchObject({ state: 'Up', downs: 0 });
  });

  it('RFC 5881 4: has a source port from 49152 to 65535, the same for as long as it lasts', () => {
    configure(bfdInstance());
    host.run(0);
    configure(bfdInstance({ ttl: 200 }));
    host.run(5_000);
    const [first, second] = host.senders;
    expect(first?.sourcePort).toBeGreaterThanOrEqual(49_152);
    expect(first?.sourcePort).toBeLessThanOrEqual(65_535);
    expect(second).toMatchObject({ sourcePort: first?.sourcePort, ttl: 200 });
  });

  it('counts what is discarded by name, and what was for nobody', () => {
    configure(bfdInstance());
    host.hear({ detectMult: 0 });
    host.hear({ state: 'Up', yourDiscriminator: 99 }, '10.0.0.77');
    expect(host.sessions.snapshot()[0]?.refused).toEqual({ ZERO_DETECT_MULT: 1 });
    expect(host.sessions.strangers()).toEqual({ UNKNOWN_DISCRIMINATOR: 1 });
  });

  it('has a discriminator of its own', () => {
    const many = Array.from({ length: 50 }, (_, index) =>
      bfdInstance({ name: `${index}`, neighbor: { family: 'inet', text: `10.0.1.${index}` } }),
    );
    configure(...many);
    const found = host.sessions.snapshot().map(({ discriminator }) => discriminator);
    expect(new Set(found).size).toBe(50);
    expect(found).not.toContain(0);
  });
});

describe('a reload', () => {
  it('leaves a session up whose intervals, name or place in the file change', () => {
    configure(bfdInstance());
    host.up();
    const before = host.discriminator;
    const other = bfdInstance({ name: 'b', neighbor: { family: 'inet', text: '10.0.0.3' } });
    configure(other, bfdInstance({ name: 'renamed', minRxMs: 50 }));
    expect(host.sessions.snapshot()).toMatchObject([
      { name: 'renamed', state: 'Up', downs: 0, discriminator: before, isPolling: true },
      { name: 'b', state: 'Down' },
    ]);
    expect(host.reports.at(-2)).toMatchObject({ name: 'renamed', state: 'Up' });
  });

  it('says AdminDown for one that is gone, and closes what nobody hears on', () => {
    configure(bfdInstance());
    host.up();
    configure();
    expect(host.sent.at(-1)).toMatchObject({ state: 'AdminDown', diagnostic: 7 });
    expect(host.listeners.size).toBe(0);
  });

  it('hears on the ports that it needs: one for each family, and those of multihop', () => {
    const six = bfdInstance({ name: 'six', neighbor: { family: 'inet6', text: 'fd00::2' } });
    const far = bfdInstance({ name: 'far', isMultihop: true });
    expect(neededPorts([bfdInstance(), six, far]).map(({ name }) => name)).toEqual([
      'inet 3784',
      'inet6 3784',
      'inet 4784',
    ]);
    configure(bfdInstance(), six, far);
    expect([...host.listeners.keys()]).toEqual(['inet 3784', 'inet6 3784', 'inet 4784']);
  });
});

describe('a port that another daemon has', () => {
  it('is told as our own trouble, and tried again every second', () => {
    host.refusal = 'EADDRINUSE';
    configure(bfdInstance());
    const trouble = expect.stringContaining('another BFD daemon has it');
    expect(host.reports.at(-1)).toMatchObject({ state: 'Down', trouble });
    host.refusal = undefined;
    host.run(1_000);
    expect(host.reports.at(-1)?.trouble).toBeUndefined();
    expect([...host.listeners.keys()]).toEqual(['inet 3784']);
  });
});
