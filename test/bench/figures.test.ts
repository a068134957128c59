/** The failover bench's arithmetic. */
import { describe, expect, it } from 'vitest';
import {
  longestOutageMs,
  protocolMs,
  ratioOf,
  readAdvert,
  summarize,
  takeoverMs,
} from '../../bench/failover/figures.ts';

const WHO = { victim: '10.62.0.1', successor: '10.62.0.2' };

function advert(atMs: number, source: string, priority: number) {
  return { atMs, source, priority };
}

describe('a line of tcpdump', () => {
  it('is an advert with the time of the kernel', () => {
    const line =
      '1764000000.123456789 IP 10.62.0.2 > 224.0.0.18: VRRPv3, Advertisement, vrid 51, prio 100, intvl 10cs, length 12';
    expect(readAdvert(line)).toEqual({
      atMs: expect.closeTo(1764000000123.456, 2),
      source: '10.62.0.2',
      priority: 100,
    });
  });

  it('is nothing when it is about something else', () => {
    expect(readAdvert('1764000000.123456 ARP, Request who-has 10.62.0.188')).toBeUndefined();
    expect(readAdvert('')).toBeUndefined();
  });
});

describe('a takeover', () => {
  const wire = [
    advert(0, WHO.successor, 100),
    advert(1000, WHO.victim, 200),
    advert(1100, WHO.victim, 200),
    advert(1105, WHO.victim, 0),
    advert(1166, WHO.successor, 100),
    advert(1266, WHO.successor, 100),
  ];

  it('is measured from the last advert', () => {
    expect(takeoverMs(wire, WHO, 'lastAdvert', 1050)).toBe(66);
  });

  it('is measured from the resignation', () => {
    expect(takeoverMs(wire, WHO, 'resignation', 1100)).toBe(61);
  });

  it('is none when the successor stays quiet, or nobody resigned', () => {
    expect(takeoverMs(wire.slice(0, 4), WHO, 'lastAdvert', 1050)).toBeUndefined();
    const silent = wire.filter(({ priority }) => priority > 0);
    expect(takeoverMs(silent, WHO, 'resignation', 1100)).toBeUndefined();
  });

  it('takes what RFC 9568 6.1 says', () => {
    expect(protocolMs('lastAdvert', 100, 1000)).toBe(3609.375);
    expect(protocolMs('resignation', 100, 100)).toBe(60.9375);
  });
});

describe('an outage', () => {
  const probes = (answers: string) =>
    [...answers].map((answer, sentMs) => ({ sentMs, isAnswered: answer === '1' }));

  it('is as long as the longest run without answers', () => {
    expect(longestOutageMs(probes('1101100011'), 1)).toBe(3);
  });

  it('lasts to the end when no answer came any more', () => {
    expect(longestOutageMs(probes('110000'), 1)).toBe(4);
  });

  it('is none when all were answered, or the prober itself was late', () => {
    expect(longestOutageMs(probes('11111'), 1)).toBe(0);
    const late = [
      { sentMs: 0, isAnswered: true },
      { sentMs: 40, isAnswered: true },
    ];
    expect(longestOutageMs(late, 1)).toBe(0);
    expect(longestOutageMs([], 1)).toBe(0);
  });
});

describe('figures', () => {
  it('are a median and the nearest rank of the 99th percentile', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(summarize(values)).toEqual({ median: 100, p99: 198 });
    expect(summarize([3])).toEqual({ median: 3, p99: 3 });
  });

  it('compare as ours to the peer, and not at all where the peer is 0 and we are not', () => {
    expect(ratioOf(1, 4)).toBe(0.25);
    expect(ratioOf(0, 0)).toBe(1);
    expect(ratioOf(2, 0)).toBeUndefined();
    expect(ratioOf(-2, 1)).toBeUndefined();
  });
});
