/** RFC 9568 section 6, the state machine, and section 8 where it speaks of hosts. */
import { describe, expect } from 'vitest';
import { encodeGratuitousArp, encodeNeighborAdvertisement } from '../../src/vrrp/announce.ts';
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type { Action, Event, RouterConfig, State } from '../../src/vrrp/machine.ts';
import { VrrpWorld } from '../fake/vrrp-world.ts';
import { ip, router, vip } from '../vrrp/router.ts';
import { requirement } from './requirement.ts';

const inet6 = {
  family: 'inet6',
  primaryAddress: ip('fe80::1'),
  virtualAddresses: [vip('fe80::100/64'), vip('2001:db8::100/64')],
} as const;
const mac = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);

/** What is left of a list of actions without the counters, in words. */
function words(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action): readonly string[] => {
    switch (action.kind) {
      case 'count':
        return [];
      case 'sendAdvert':
        return [`advert ${action.priority}`];
      case 'setTimer':
        return [`${action.timer} at ${action.deadlineMs}`];
      case 'clearTimer':
        return [`no ${action.timer}`];
      case 'notify':
        return [`${action.from} -> ${action.to}`];
      default:
        return [action.kind];
    }
  });
}

/** The machine by itself, its clock moved by hand. */
class Machine {
  readonly config: RouterConfig;
  state: State;
  nowMs = 0;

  constructor(changes: Partial<RouterConfig> = {}) {
    const garp = { ...router().garp, masterDelayMs: 0 };
    this.config = router({ garp, ...changes });
    this.state = initialState(this.config);
  }

  feed(event: Event): readonly string[] {
    const next = step(this.config, this.state, event, this.nowMs);
    this.state = next.state;
    const heard = words(next.actions);
    const outcomes = next.actions.flatMap(({ kind }): readonly Event[] => {
      if (kind === 'addAddresses')
        return [{ kind: 'addressesApplied', wanted: 'present', ok: true }];
      if (kind === 'removeAddresses')
        return [{ kind: 'addressesApplied', wanted: 'absent', ok: true }];
      return [];
    });
    return [...heard, ...outcomes.flatMap((outcome) => this.feed(outcome))];
  }

  start(): readonly string[] {
    return this.feed({ kind: 'started', isLinkUp: true, resumeAsMaster: false });
  }

  hear(priority: number, source = '10.0.0.2', advertIntervalMs = 1000): readonly string[] {
    return this.feed({ kind: 'advertReceived', source: ip(source), priority, advertIntervalMs });
  }

  fire(timer: 'masterDown' | 'advert'): readonly string[] {
    const deadlineMs = this.state.timers[timer];
    if (deadlineMs === undefined) throw new Error(`${timer} is not armed`);
    this.nowMs = deadlineMs;
    return this.feed({ kind: 'timerFired', timer, deadlineMs });
  }

  /** Active at 0 ms of its own: the wait is over. */
  becomeMaster(): this {
    this.start();
    if (this.state.name === 'BACKUP') this.fire('masterDown');
    return this;
  }
}

describe('section 6.1, parameters', () => {
  requirement('6.1-b', () => {
    // Preempt_Mode false, and an owner all the same: it becomes Active without waiting for anybody.
    const machine = new Machine({ priority: 255, preempt: false });
    machine.start();
    expect(machine.state.name).toBe('MASTER');
    machine.hear(254);
    expect(machine.state.name).toBe('MASTER');
  });
});

describe('section 6.4.1, Initialize', () => {
  requirement('6.4.1-a', () => {
    expect(new Machine({ priority: 255 }).start()).toEqual([
      'advert 255',
      'addAddresses',
      'announce',
      'INIT -> MASTER',
      'advert at 1000',
    ]);
  });
  requirement('6.4.1-b', () => {
    const backup = new Machine({ priority: 100 });
    const downMs = 3 * 1000 + ((256 - 100) * 1000) / 256;
    expect(backup.start()).toEqual([
      'removeAddresses',
      'INIT -> BACKUP',
      `masterDown at ${downMs}`,
    ]);
  });
  requirement('erratum-7947', () => {
    const world = new VrrpWorld(router({ priority: 255 })).start();
    expect(world.takeDone()).toContain('announce 10.0.0.100 on eth0');
    const frame = encodeGratuitousArp(ip('10.0.0.100'), mac);
    expect([...frame.slice(28, 32)]).toEqual([10, 0, 0, 100]);
    expect([...frame.slice(38, 42)]).toEqual([10, 0, 0, 100]);
    expect(frame.slice(22, 28)).toEqual(mac);
  });
});

describe('section 6.4.2, Backup', () => {
  // The kernel answers for the addresses that it has, and accepts what is sent to them: a backup has none.
  requirement('6.4.2-a', () => {
    const world = new VrrpWorld().becomeMaster();
    expect([...world.held]).toEqual(['10.0.0.100']);
    world.instance.receive(world.advert({ priority: 250 }));
    expect(world.instance.state).toBe('BACKUP');
    expect([...world.held]).toEqual([]);
  });
  requirement('6.4.2-b', () => {
    const world = new VrrpWorld(router(inet6)).becomeMaster();
    expect([...world.held]).toEqual(['fe80::100', '2001:db8::100']);
    world.instance.receive(world.advert({ priority: 250 }));
    expect(world.instance.state).toBe('BACKUP');
    expect([...world.held]).toEqual([]);
  });
  requirement('6.4.2-e', () => {
    const world = new VrrpWorld();
    // Left by a predecessor.
    world.held.add('10.0.0.100');
    world.start();
    expect(world.instance.state).toBe('BACKUP');
    expect([...world.held]).toEqual([]);
  });
  requirement('6.4.2-f', () => {
    const backup = new Machine();
    backup.start();
    expect(backup.feed({ kind: 'stopped' })).toEqual([
      'BACKUP -> INIT',
      'released',
      'no masterDown',
    ]);
    expect(backup.state).toMatchObject({ name: 'INIT', timers: {} });
  });
  requirement('6.4.2-g', () => {
    const backup = new Machine();
    backup.start();
    const takeover = backup.fire('masterDown');
    expect(takeover).toEqual([
      'advert 100',
      'addAddresses',
      'announce',
      'BACKUP -> MASTER',
      `advert at ${backup.nowMs + 1000}`,
    ]);
    // For IPv6 an unsolicited neighbor advertisement, R set, S clear, O set; the kernel joins the group.
    const frame = encodeNeighborAdvertisement(ip('2001:db8::100'), mac);
    expect(frame[58]).toBe(0b1010_0000);
  });
  requirement('erratum-7949', () => {
    const world = new VrrpWorld().start();
    world.takeDone();
    world.advance(4000);
    expect(world.takeDone().slice(0, 3)).toEqual([
      'send 100',
      'add 10.0.0.100',
      'announce 10.0.0.100 on eth0',
    ]);
  });
  requirement('6.4.2-h', () => {
    const backup = new Machine();
    backup.start();
    backup.nowMs = 500;
    backup.hear(200, '10.0.0.2', 2000);
    backup.nowMs = 1500;
    const skewMs = ((256 - 100) * 2000) / 256;
    expect(backup.hear(0)).toEqual([`masterDown at ${1500 + skewMs}`]);
  });
  requirement('6.4.2-i', () => {
    const backup = new Machine();
    backup.start();
    backup.nowMs = 700;
    const downMs = 3 * 500 + ((256 - 100) * 500) / 256;
    expect(backup.hear(100, '10.0.0.2', 500)).toEqual([`masterDown at ${700 + downMs}`]);
    backup.nowMs = 800;
    expect(backup.hear(101, '10.0.0.2', 500)).toEqual([`masterDown at ${800 + downMs}`]);
    expect(backup.state).toMatchObject({ masterAdvertIntervalMs: 500 });
  });
  requirement('6.4.2-j', () => {
    const backup = new Machine();
    backup.start();
    const { timers } = backup.state;
    backup.nowMs = 700;
    expect(backup.hear(99, '10.0.0.2', 500)).toEqual([]);
    expect(backup.state).toMatchObject({ timers, masterAdvertIntervalMs: 1000 });
  });
  requirement('6.4.2-k', () => {
    const backup = new Machine({ preempt: false });
    backup.start();
    backup.nowMs = 700;
    const downMs = 3 * 500 + ((256 - 100) * 500) / 256;
    expect(backup.hear(1, '10.0.0.2', 500)).toEqual([`masterDown at ${700 + downMs}`]);
  });
});

describe('section 6.4.3, Active', () => {
  requirement('6.4.3-a', () => {
    expect([...new VrrpWorld().becomeMaster().held]).toEqual(['10.0.0.100']);
  });
  requirement('6.4.3-b', () => {
    // Linux joins the solicited-node group of every address that an interface gets.
    expect([...new VrrpWorld(router(inet6)).becomeMaster().held]).toContain('2001:db8::100');
  });
  requirement('6.4.3-c', () => {
    const world = new VrrpWorld(router(inet6));
    world.start();
    world.advance(4000);
    expect(world.takeDone()).toContain('announce 2001:db8::100 on eth0');
    expect((encodeNeighborAdvertisement(ip('2001:db8::100'), mac)[58] ?? 0) >> 7).toBe(1);
  });
  requirement('6.4.3-f', () => {
    expect([...new VrrpWorld(router({ priority: 255 })).start().held]).toEqual(['10.0.0.100']);
  });
  requirement('6.4.3-g', () => {
    const { config } = new VrrpWorld();
    expect(config.accepts).toBeUndefined();
    expect([...new VrrpWorld(config).becomeMaster().held]).toEqual(['10.0.0.100']);
  });
  requirement('6.4.3-h', () => {
    const master = new Machine().becomeMaster();
    expect(master.feed({ kind: 'stopped' })[0]).toBe('advert 0');
    expect(master.state.name).toBe('MASTER');
    // Nothing but priority 0 is sent from here on, and the successor's advert ends it.
    expect(master.hear(90)).not.toContain('advert 100');
    const { release = 0 } = master.state.timers;
    expect(release - master.nowMs).toBeLessThan(2000);
    master.nowMs = release;
    const ending = master.feed({ kind: 'timerFired', timer: 'release', deadlineMs: release });
    expect(ending).toEqual(['removeAddresses', 'MASTER -> INIT', 'released']);
  });
  requirement('6.4.3-i', () => {
    const master = new Machine({ priority: 255 }).becomeMaster();
    expect(master.fire('advert')).toEqual(['advert 255', 'advert at 2000']);
    expect(master.fire('advert')).toEqual(['advert 255', 'advert at 3000']);
  });
  requirement('6.4.3-j', () => {
    const master = new Machine({ priority: 255 }).becomeMaster();
    master.nowMs = 400;
    expect(master.hear(0)).toEqual(['advert 255', 'advert at 1400']);
    expect(master.state.name).toBe('MASTER');
  });
  requirement('6.4.3-k', () => {
    const master = new Machine().becomeMaster();
    const atMs = master.nowMs;
    const downMs = 3 * 2000 + ((256 - 100) * 2000) / 256;
    const yielded = master.hear(101, '10.0.0.0', 2000);
    expect(yielded).toEqual([
      'removeAddresses',
      'MASTER -> BACKUP',
      'no advert',
      `masterDown at ${atMs + downMs}`,
    ]);
    // Preempt_Mode is not asked: an Active router of lower priority always yields.
    const stubborn = new Machine({ preempt: false }).becomeMaster();
    stubborn.hear(101);
    expect(stubborn.state.name).toBe('BACKUP');
  });
  requirement('6.4.3-l', () => {
    const master = new Machine({ primaryAddress: ip('10.0.0.5') }).becomeMaster();
    master.hear(100, '10.0.0.4');
    expect(master.state.name).toBe('MASTER');
    master.hear(100, '10.0.0.6');
    expect(master.state.name).toBe('BACKUP');
  });
  requirement('6.4.3-m', () => {
    const winner = (ours: string, theirs: string): string => {
      const master = new Machine({ primaryAddress: ip(ours) }).becomeMaster();
      master.hear(100, theirs);
      return master.state.name === 'MASTER' ? ours : theirs;
    };
    // Neither signed nor text: 200 > 100 > 9, and 10.0.1.0 is more than 10.0.0.255.
    expect(winner('200.0.0.1', '100.0.0.1')).toBe('200.0.0.1');
    expect(winner('9.0.0.1', '10.0.0.1')).toBe('10.0.0.1');
    expect(winner('10.0.0.255', '10.0.1.0')).toBe('10.0.1.0');
    expect(winner('fe80::9', 'fe80::10')).toBe('fe80::10');
  });
  requirement('6.4.3-n', () => {
    const master = new Machine({ priority: 200 }).becomeMaster();
    const { timers } = master.state;
    master.nowMs += 10;
    expect(master.hear(199)[0]).toBe('advert 200');
    expect(master.state.name).toBe('MASTER');
    expect(master.state.timers.advert).toBe(timers.advert);
  });
});

describe('section 8, hosts', () => {
  // Without use_vmac the announcement says the MAC of the interface, which the kernel answers with.
  requirement('8.1.2-a', () => {
    expect(encodeGratuitousArp(ip('10.0.0.100'), mac).slice(6, 12)).toEqual(mac);
  });
  requirement('8.1.2-b', () => {
    const done = new VrrpWorld(router({ priority: 255 })).start().takeDone();
    const added = done.indexOf('add 10.0.0.100');
    expect(added).toBeGreaterThan(-1);
    expect(done.indexOf('announce 10.0.0.100 on eth0')).toBeGreaterThan(added);
  });
  requirement('8.2.2-a', () => {
    expect(encodeNeighborAdvertisement(ip('2001:db8::100'), mac).slice(6, 12)).toEqual(mac);
  });
  requirement('8.2.2-c', () => {
    const done = new VrrpWorld(router({ ...inet6, priority: 255 })).start().takeDone();
    const added = done.indexOf('add 2001:db8::100');
    expect(added).toBeGreaterThan(-1);
    expect(done.indexOf('announce 2001:db8::100 on eth0')).toBeGreaterThan(added);
  });
});
