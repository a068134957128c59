import { beforeEach, expect, test } from 'vitest';
import { LinkBeliefs } from '../../src/daemon/link-beliefs.ts';
import type { Link } from '../../src/kernel/links.ts';
import { FakeTime } from '../fake/fake-time.ts';

let time: FakeTime;
let believed: number[];
let beliefs: LinkBeliefs;

beforeEach(() => {
  time = new FakeTime();
  believed = [];
  beliefs = new LinkBeliefs({
    setTimer: time.setTimer,
    monotonicMs: () => time.nowMs,
    onBelieved: (ifindex) => believed.push(ifindex),
  });
});

const eth0 = (hasCarrier: boolean): Link => ({
  index: 2,
  name: 'eth0',
  mac: new Uint8Array(6),
  mtu: 1500,
  isUp: true,
  hasCarrier,
});
const DELAYS = [{ interface: 'eth0', downMs: 2000, upMs: 500 }];

test('a link that has no delay is what the kernel says', () => {
  beliefs.configure([], [eth0(true)]);
  beliefs.see(eth0(false), 2);
  expect(beliefs.isUp(eth0(false))).toBe(false);
});

test('a loss is told when it has lasted, a short one never', () => {
  beliefs.configure(DELAYS, [eth0(true)]);
  beliefs.see(eth0(false), 2);
  time.advance(1999);
  expect(beliefs.isUp(eth0(false))).toBe(true);
  beliefs.see(eth0(true), 2);
  time.advance(10_000);
  expect(believed).toEqual([]);
  beliefs.see(eth0(false), 2);
  time.advance(2000);
  expect([believed, beliefs.isUp(eth0(false))]).toEqual([[2], false]);
  beliefs.see(eth0(true), 2);
  time.advance(499);
  expect(beliefs.isUp(eth0(true))).toBe(false);
  time.advance(1);
  expect([believed, beliefs.isUp(eth0(true))]).toEqual([[2, 2], true]);
});

test('an interface that is gone is not waited for, and its successor is seen anew', () => {
  beliefs.configure(DELAYS, [eth0(true)]);
  beliefs.see(eth0(false), 2);
  beliefs.see(undefined, 2);
  time.advance(10_000);
  expect(believed).toEqual([]);
  const next = { ...eth0(false), index: 3 };
  beliefs.see(next, 3);
  expect(beliefs.isUp(next)).toBe(false);
});

test('a reload without the delay believes the kernel at once', () => {
  beliefs.configure(DELAYS, [eth0(true)]);
  beliefs.see(eth0(false), 2);
  beliefs.configure([], [eth0(false)]);
  expect(beliefs.isUp(eth0(false))).toBe(false);
  time.advance(10_000);
  expect(believed).toEqual([2]);
});
