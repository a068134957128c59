import { describe, expect, it } from 'vitest';
import type { IpAddress } from '../../src/base/address.ts';
import { logTo } from '../../src/base/log.ts';
import type { Datagram } from '../../src/kernel/datagram-receiver.ts';
import type { AddressOutcome } from '../../src/kernel/links.ts';
import { VrrpInstance } from '../../src/vrrp/instance.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { advertDatagrams } from '../../src/vrrp/own-advert.ts';
import { encodeAdvert, vrrpGroup } from '../../src/vrrp/packet.ts';
import type {
  AdvertTransport,
  InstancePorts,
  ReceivedAdvert,
  Transition,
} from '../../src/vrrp/ports.ts';
import { readDatagram } from '../hex/frames.ts';
import { sealedConfig } from './hmac.ts';
import { ip, router, vip } from './router.ts';

const refused: AddressOutcome = { ok: false, code: 'EPERM', detail: 'not permitted' };

/** The outside of one instance: everything it does is a line, everything it hears is queued by hand. */
class World {
  nowMs = 5000;
  readonly done: string[] = [];
  readonly logged: string[] = [];
  readonly transitions: Transition[] = [];
  readonly told: string[] = [];
  readonly socket: Datagram[] = [];
  addressAnswer: AddressOutcome = { ok: true, changed: true };
  announceFails = false;
  sendFails = false;
  armedMs: number | undefined;
  isTimerClosed = false;
  readonly instance: VrrpInstance;
  #onExpire: () => void = () => {};

  constructor(config: RouterConfig = router(), transport: Partial<AdvertTransport> = {}) {
    const ports = this.#ports();
    this.instance = new VrrpInstance(config, config.primaryAddress, {
      ...ports,
      transport: { ...ports.transport, ...transport },
    });
  }

  /** Time passes; an expired timer runs, however late. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.armedMs !== undefined && this.armedMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.armedMs);
      this.expire();
    }
    this.nowMs = untilMs;
  }

  expire(): void {
    this.armedMs = undefined;
    this.#onExpire();
  }

  takeDone(): readonly string[] {
    return this.done.splice(0);
  }

  #ports(): InstancePorts {
    const sent = { ok: true } as const;
    const failed = { ok: false, code: 'ENETDOWN', detail: 'down' } as const;
    return {
      clock: { monotonicMs: () => this.nowMs, realtimeMs: () => 1_000_000 + this.nowMs },
      log: logTo((level, fields, message) => {
        this.logged.push(`${level} ${message} ${fields.code ?? fields.reason ?? ''}`);
      }),
      transport: {
        send: ({ priority }) => {
          this.done.push(`send prio ${priority}`);
          return this.sendFails ? failed : sent;
        },
        prepare: () => ({ send: () => sent, rehearse: () => {} }),
        drain: () => {
          this.done.push('drain');
          for (const datagram of this.socket.splice(0)) this.instance.receive(datagram);
        },
      },
      newTimer: (onExpire) => {
        this.#onExpire = onExpire;
        return {
          arm: (deadlineMs) => {
            this.armedMs = deadlineMs;
          },
          disarm: () => {
            this.armedMs = undefined;
          },
          close: () => {
            this.isTimerClosed = true;
            this.armedMs = undefined;
          },
        };
      },
      addresses: {
        add: ({ address }) => {
          this.done.push(`add ${address.text}`);
          return this.addressAnswer;
        },
        remove: ({ address }) => {
          this.done.push(`remove ${address.text}`);
          return { ok: true, changed: false };
        },
      },
      announce: (device: string, address: IpAddress) => {
        this.done.push(`announce ${address.text} on ${device}`);
        return this.announceFails ? failed : sent;
      },
      onTransition: (transition) => {
        this.done.push(`${transition.from} -> ${transition.to}`);
        this.transitions.push(transition);
      },
      onNotice: ({ state }) => this.told.push(`notice ${state}`),
      onReport: ({ name, fields }) => this.told.push(`${name} ${Object.values(fields).join(' ')}`),
      tellGroup: (news) => this.told.push(`group ${news}`),
    };
  }
}

function advert(priority: number, source = '10.0.0.2', ttl = 255): Datagram {
  const envelope = { source: ip(source), destination: vrrpGroup('inet') };
  const { virtualAddresses, ...rest } = router();
  const addresses = virtualAddresses.map(({ address }) => address);
  const payload = encodeAdvert({ ...rest, priority, addresses }, envelope);
  return { payload, ...envelope, ttl, ifindex: 2 };
}

function started(config?: RouterConfig, resumeAsMaster = false): World {
  const world = new World(config);
  world.instance.start({ linkUp: true, resumeAsMaster });
  return world;
}

describe('actions are performed in order', () => {
  it('becoming MASTER: advert, addresses, then the burst through all addresses, then the news', () => {
    const world = started(
      router({ virtualAddresses: [vip('10.0.0.100/24'), vip('10.0.0.101/24', 'eth1')] }),
    );
    world.takeDone();
    world.advance(3610);
    const pair = ['announce 10.0.0.100 on eth0', 'announce 10.0.0.101 on eth1'];
    expect(world.takeDone()).toEqual([
      'drain',
      'send prio 100',
      'add 10.0.0.100',
      'add 10.0.0.101',
      ...[...pair, ...pair, ...pair, ...pair, ...pair],
      'BACKUP -> MASTER',
    ]);
  });

  it('an address that could not be added is not announced', () => {
    const world = new World();
    world.addressAnswer = refused;
    world.instance.start({ linkUp: true, resumeAsMaster: true });
    expect(world.takeDone()).toEqual(['send prio 100', 'add 10.0.0.100', 'INIT -> MASTER']);
    world.addressAnswer = { ok: true, changed: true };
    world.advance(50);
    expect(world.takeDone().slice(0, 3)).toEqual([
      'drain',
      'add 10.0.0.100',
      'announce 10.0.0.100 on eth0',
    ]);
    expect(world.instance.state).toBe('MASTER');
  });

  it('a kernel that goes on refusing leads to FAULT and a resignation', () => {
    const world = new World();
    world.addressAnswer = refused;
    world.instance.start({ linkUp: true, resumeAsMaster: true });
    world.advance(1000);
    expect(world.done.slice(-3)).toEqual(['send prio 0', 'remove 10.0.0.100', 'MASTER -> FAULT']);
    expect(world.instance.snapshot()).toMatchObject({
      state: 'FAULT',
      reason: 'ADDRESSES_REFUSED',
    });
  });
});

describe('believing a timeout', () => {
  it('an advert that arrived during a stall is heard before the master counts as dead', () => {
    const world = started();
    world.takeDone();
    world.nowMs += 10_000;
    world.socket.push(advert(200));
    world.expire();
    expect(world.takeDone()).toEqual(['drain']);
    expect(world.instance.state).toBe('BACKUP');
    expect(world.armedMs).toBe(world.nowMs + 3609.375);
  });

  it('a timer that fires early is armed again with the same deadline', () => {
    const world = started();
    const deadlineMs = world.armedMs;
    world.nowMs += 3609;
    world.expire();
    expect(world.instance.state).toBe('BACKUP');
    expect(world.armedMs).toBe(deadlineMs);
  });

  it('a master that slept yields to what it finds in its socket, and is silent', () => {
    const world = started(router(), true);
    world.takeDone();
    world.nowMs += 60_000;
    world.socket.push(advert(200));
    world.expire();
    expect(world.takeDone()).toEqual(['drain', 'remove 10.0.0.100', 'MASTER -> BACKUP']);
  });

  it('a master that slept adverts once, not once per missed interval', () => {
    const world = started(router({ garp: { ...router().garp, masterDelayMs: 0 } }), true);
    world.takeDone();
    world.nowMs += 60_000;
    world.expire();
    expect(world.takeDone()).toEqual(['drain', 'send prio 100']);
    expect(world.armedMs).toBe(world.nowMs + 1000);
  });
});

describe('a transport that cannot be drained in a call', () => {
  function settling(): { readonly world: World; readonly settled: (() => void)[] } {
    const settled: (() => void)[] = [];
    const world = new World(router(), { settle: (onSettled) => settled.push(onSettled) });
    world.instance.start({ linkUp: true, resumeAsMaster: false });
    world.takeDone();
    world.nowMs += 10_000;
    world.expire();
    return { world, settled };
  }

  it('is waited for, once, and what came meanwhile is heard first', () => {
    const { world, settled } = settling();
    world.expire();
    expect(settled).toHaveLength(1);
    expect(world.instance.state).toBe('BACKUP');
    world.instance.receive(advert(200));
    expect(world.armedMs).toBeUndefined();
    settled[0]?.();
    expect(world.instance.state).toBe('BACKUP');
    expect(world.armedMs).toBe(world.nowMs + 3609.375);
  });

  it('that brought nothing makes the timeout true', () => {
    const { world, settled } = settling();
    settled[0]?.();
    expect(world.instance.state).toBe('MASTER');
  });

  it('is not believed after the end', () => {
    const { world, settled } = settling();
    world.instance.close();
    settled[0]?.();
    expect(world.takeDone()).toEqual(['drain']);
  });
});

describe('authenticated', () => {
  const config = router({ hmac: sealedConfig() });
  const sealed = (priority: number, sequence: bigint): ReceivedAdvert => {
    const own = { config, source: ip('10.0.0.2'), priority };
    const [datagram] = advertDatagrams(own, sequence);
    if (datagram === undefined) throw new Error('Nothing to send');
    return { ...datagram, source: own.source, ttl: 255 };
  };
  /** The second of the world's wall clock. */
  const NOW = 1005n << 32n;

  it('a replayed advert does not keep a dead master alive', () => {
    const world = started(config);
    const recorded = sealed(200, NOW);
    world.instance.receive(recorded);
    const deadlineMs = world.armedMs;
    world.nowMs += 1000;
    world.instance.receive(recorded);
    expect(world.armedMs).toBe(deadlineMs);
    expect(world.instance.snapshot()).toMatchObject({
      counters: { advertsReceived: 1, 'refused.HMAC_REPLAYED': 1 },
      peers: [{ address: '10.0.0.2', authentication: 'HMAC' }],
    });
  });

  it('an unsigned advert and a forged one move nothing', () => {
    const world = started(config);
    const { armedMs } = world;
    world.instance.receive(advert(200));
    const { payload, ...facts } = sealed(200, NOW);
    world.instance.receive({ ...facts, payload: payload.with(payload.length - 1, 0) });
    expect(world.armedMs).toBe(armedMs);
    expect(world.instance.snapshot().counters).toEqual({
      'refused.HMAC_MISMATCH': 1,
      'refused.HMAC_MISSING': 1,
    });
  });
});

describe('what is refused', () => {
  it('is counted by name, logged once per name and state, and moves nothing', () => {
    const world = started();
    const armedMs = world.armedMs;
    const good = advert(200);
    for (let copy = 0; copy < 3; copy += 1) {
      world.instance.receive({ ...good, ttl: 64 });
      world.instance.receive({ ...good, payload: good.payload.subarray(0, 9) });
      world.instance.receive({ ...good, payload: good.payload.with(1, 52) });
      world.instance.receive(readDatagram('keepalived-v2'));
    }
    expect(world.armedMs).toBe(armedMs);
    expect(world.instance.snapshot().counters).toEqual({
      otherRouterIds: 3,
      'refused.BAD_LENGTH': 3,
      'refused.OWN_ADDRESS': 3,
      'refused.TTL_NOT_255': 3,
    });
    expect(world.logged.filter((line) => line.includes('refused'))).toEqual([
      'warn advert refused TTL_NOT_255',
      'warn advert refused BAD_LENGTH',
      'warn advert refused OWN_ADDRESS',
    ]);
  });

  it('another address list is remarked once, and the advert counts', () => {
    const world = started(router({ virtualAddresses: [vip('10.0.0.109/24')] }));
    world.instance.receive(advert(200));
    world.instance.receive(advert(200));
    expect(world.instance.snapshot()).toMatchObject({
      masterAddress: '10.0.0.2',
      masterPriority: 200,
      peers: [{ address: '10.0.0.2', priority: 200, checksumForm: 'pseudo-header' }],
      counters: { advertsReceived: 2, 'remark.ADDRESS_LIST_MISMATCH': 2 },
    });
    expect(world.logged.filter((line) => line.includes('MISMATCH'))).toHaveLength(1);
  });
});

describe('an orderly stop', () => {
  it('serves until the successor is heard, and calls back once', () => {
    const world = started(router(), true);
    world.takeDone();
    let released = 0;
    world.instance.stop(() => {
      released += 1;
    });
    expect(world.takeDone()).toEqual(['send prio 0']);
    expect(world.instance.snapshot().releasing).toBe(true);
    world.advance(600);
    world.instance.receive(advert(90));
    expect(world.takeDone()).toEqual([]);
    world.advance(20);
    expect(world.takeDone()).toEqual(['drain', 'remove 10.0.0.100', 'MASTER -> INIT']);
    expect(released).toBe(1);
    world.advance(60_000);
    expect(released).toBe(1);
    expect(world.takeDone()).toEqual([]);
  });

  it('of a backup is over at once', () => {
    const world = started();
    let released = 0;
    world.instance.stop(() => {
      released += 1;
      world.instance.close();
    });
    expect(released).toBe(1);
    expect(world.isTimerClosed).toBe(true);
  });
});

describe('what is shown', () => {
  it('a snapshot says state, reason, since and what is in force', () => {
    const world = started();
    world.advance(4000);
    const snapshot = world.instance.snapshot();
    expect(snapshot).toMatchObject({
      name: 'VI_1',
      interface: 'eth0',
      virtualRouterId: 51,
      version: 3,
      state: 'MASTER',
      sinceMs: 1_008_609.375,
      reason: 'MASTER_SILENT',
      priority: 100,
      effectivePriority: 100,
      masterAddress: '10.0.0.1',
      masterPriority: 100,
      advertIntervalMs: 1000,
      masterDownIntervalMs: 3609.375,
      addresses: ['10.0.0.100/24'],
      releasing: false,
      lastAdvertSentMs: 8609.375,
    });
    expect(snapshot.counters).toEqual({ advertsSent: 1, announcementsSent: 5, becameMaster: 1 });
    expect(world.logged).toEqual(['info state change STARTED', 'info state change MASTER_SILENT']);
    expect(structuredClone(snapshot)).toEqual(snapshot);
  });

  it('sends that fail are counted and logged once, and are not the last advert', () => {
    const world = new World();
    world.sendFails = true;
    world.announceFails = true;
    world.instance.start({ linkUp: true, resumeAsMaster: true });
    world.advance(3000);
    const snapshot = world.instance.snapshot();
    expect(snapshot.counters).toMatchObject({ sendFailures: 4, announcementFailures: 5 });
    expect(snapshot.lastAdvertSentMs).toBeUndefined();
    expect(world.logged.filter((line) => line.startsWith('warn'))).toHaveLength(2);
  });
});

describe('changes while running', () => {
  it('an address taken away is put back, announced and logged', () => {
    const world = started(router(), true);
    world.takeDone();
    world.instance.addressRemoved(ip('10.0.0.100'));
    const burst = new Array(5).fill('announce 10.0.0.100 on eth0');
    expect(world.takeDone()).toEqual(['add 10.0.0.100', ...burst]);
    expect(world.logged.at(-1)).toBe('warn taken away, put back restored 10.0.0.100');
  });

  it('an address that another host claims is told, but not while we let go', () => {
    const world = started(router(), true);
    world.instance.addressClaimed('eth0', ip('10.0.0.100'), '02:00:00:00:00:09');
    expect(world.told).toEqual(['addressConflict 10.0.0.100 02:00:00:00:00:09 eth0']);
    expect(world.logged.at(-1)).toBe('error another host answers for a virtual address ');
    world.instance.stop(() => {});
    world.instance.addressClaimed('eth0', ip('10.0.0.100'), '02:00:00:00:00:09');
    expect(world.told).toHaveLength(1);
    expect(world.instance.snapshot().counters.addressConflicts).toBe(1);
  });

  it('a reload keeps the mastership; another identity is a defect', () => {
    const world = started(router(), true);
    world.instance.reconfigure(router({ priority: 150 }));
    expect(world.instance.snapshot()).toMatchObject({ state: 'MASTER', effectivePriority: 150 });
    expect(() => world.instance.reconfigure(router({ virtualRouterId: 9 }))).toThrow(
      'cannot change its virtualRouterId',
    );
  });

  it('a configuration that no advert can carry is refused at the door, and nothing changes', () => {
    expect(() => new World(router({ virtualAddresses: [] }))).toThrow('address count');
    const world = started(router(), true);
    expect(() => world.instance.reconfigure(router({ advertIntervalMs: 41_000 }))).toThrow();
    expect(world.instance.snapshot().advertIntervalMs).toBe(1000);
  });

  it('link down gives the addresses up without a word', () => {
    const world = started(router(), true);
    world.takeDone();
    world.instance.linkChanged(false);
    expect(world.takeDone()).toEqual(['remove 10.0.0.100', 'MASTER -> FAULT']);
    expect(world.armedMs).toBeUndefined();
  });
});
