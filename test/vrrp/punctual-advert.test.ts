/** The advert of a takeover is made before its deadline, and never sent when anything has changed. */
import { describe, expect, it } from 'vitest';
import { decodeAdvert } from '../../src/vrrp/packet.ts';
import { VrrpWorld } from '../fake/vrrp-world.ts';
import { router, vip } from './router.ts';

const DOWN_MS = 3609.375;

function near(): VrrpWorld {
  const world = new VrrpWorld().start();
  world.nowMs += DOWN_MS - 3;
  world.takeDone();
  world.approach();
  return world;
}

function whatWasSent(world: VrrpWorld) {
  return world.sent.map(({ payload, destination }) => {
    const decoded = decodeAdvert(payload, { source: router().primaryAddress, destination });
    if (!decoded.ok) throw new Error(decoded.detail);
    const { priority, addresses } = decoded.advert;
    return { priority, addresses: addresses.map(({ text }) => text) };
  });
}

describe('shortly before a takeover', () => {
  it('its advert is made, and nothing else is done: no state, no counter, no log line', () => {
    const world = new VrrpWorld().start();
    world.nowMs += DOWN_MS - 3;
    world.takeDone();
    const before = { ...world.instance.snapshot() };
    const steps = world.steps.length;
    world.approach();
    expect(world.takeDone()).toEqual(['prepare 100']);
    expect(world.sent).toEqual([]);
    expect(world.instance.snapshot()).toEqual(before);
    expect(world.steps).toHaveLength(steps);
  });

  it('the way of the send is rehearsed while it is waited for, and not once the master is heard', () => {
    const world = near();
    world.takeDone();
    world.wait();
    world.wait();
    expect(world.takeDone()).toEqual(['rehearse 100', 'rehearse 100']);
    world.waiting.push(world.advert({ priority: 200 }));
    world.wait();
    expect(world.takeDone()).toEqual([]);
    expect(world.sent).toEqual([]);
  });

  it('the prepared advert is the first thing that the takeover does', () => {
    const world = near();
    world.takeDone();
    world.advance(3);
    expect(world.takeDone().slice(0, 3)).toEqual(['prepared:', 'send 100', 'add 10.0.0.100']);
    expect(world.instance.state).toBe('MASTER');
    expect(whatWasSent(world)).toEqual([{ priority: 100, addresses: ['10.0.0.100'] }]);
  });

  it('it is sent once: the next advert is made anew', () => {
    const world = near();
    world.advance(3);
    world.takeDone();
    world.advance(1000);
    expect(world.takeDone().filter((what) => /send|prepare/.test(what))).toEqual(['send 100']);
  });
});

describe('what was prepared is not sent', () => {
  it('when the master is heard after all', () => {
    const world = near();
    world.waiting.push(world.advert({ priority: 200 }));
    world.takeDone();
    world.advance(3);
    expect(world.instance.state).toBe('BACKUP');
    expect(world.sent).toEqual([]);
    // And not at the next takeover either.
    world.advance(10_000);
    expect(world.takeDone()).not.toContain('prepared:');
    expect(world.instance.state).toBe('MASTER');
  });

  it('when the master was heard before it was made', () => {
    const world = new VrrpWorld().start();
    world.nowMs += DOWN_MS - 3;
    world.takeDone();
    world.waiting.push(world.advert({ priority: 200 }));
    world.approach();
    expect(world.takeDone()).toEqual([]);
  });

  it('when a reload changed the addresses', () => {
    const world = near();
    world.takeDone();
    world.instance.reconfigure(router({ virtualAddresses: [vip('10.0.0.177/24')] }));
    world.advance(3);
    expect(world.takeDone()).not.toContain('prepared:');
    expect(whatWasSent(world)).toEqual([{ priority: 100, addresses: ['10.0.0.177'] }]);
  });

  it('when we stood still between its making and its deadline: the master gets one more advert', () => {
    const world = new VrrpWorld().start();
    world.waiting.push(world.advert({ priority: 200 }));
    world.wait();
    world.nowMs += DOWN_MS - 3;
    world.approach();
    world.takeDone();
    world.nowMs += 60_000;
    world.expire();
    expect(world.takeDone()).toEqual([]);
    expect(world.instance.state).toBe('BACKUP');
    expect(world.instance.snapshot().counters).toMatchObject({ silenceDoubted: 1 });
  });

  it('when a tracker changed the priority', () => {
    const world = near();
    world.takeDone();
    world.instance.trackingChanged({ priority: 90, faults: [], contributions: [] });
    world.advance(200);
    expect(world.takeDone()).not.toContain('prepared:');
    expect(whatWasSent(world)).toEqual([{ priority: 90, addresses: ['10.0.0.100'] }]);
  });

  it('when the link went down', () => {
    const world = near();
    world.instance.linkChanged(false);
    world.advance(10_000);
    expect(world.sent).toEqual([]);
  });

  it('when the daemon stops', () => {
    const world = near();
    world.instance.stop(() => {});
    world.advance(10_000);
    expect(world.sent).toEqual([]);
  });
});

it('a preempting router has its addresses first: nothing is prepared', () => {
  const world = new VrrpWorld().start();
  world.instance.receive(world.advert({ priority: 50 }));
  world.takeDone();
  world.nowMs = (world.armedMs ?? 0) - 3;
  world.approach();
  expect(world.takeDone()).toEqual([]);
});
