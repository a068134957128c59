/** The health bench's arithmetic, and its picture. */
import { describe, expect, it } from 'vitest';
import { readArrivals, timingOf } from '../../bench/health/arrivals.ts';
import { plot } from '../../bench/health/plot.ts';

const at = (address: number, atMs: number, port = 8080) => ({ address, port, atMs });

describe('arrivals', () => {
  it('are read as the servers write them down', () => {
    const bytes = Buffer.alloc(32);
    bytes.writeUInt32LE(0x7f100001, 0);
    bytes.writeUInt32LE(8080, 4);
    bytes.writeBigUInt64LE(1_500_000_000n, 8);
    expect(readArrivals(bytes.subarray(0, 20))).toEqual([at(0x7f100001, 1500)]);
  });

  it('are on time when each server is asked as often as it should', () => {
    const even = Array.from({ length: 400 }, (_, index) => at(index % 100, index * 10));
    expect(timingOf(even, 1000)).toEqual({
      checks: 400,
      intervalMs: 1000,
      latenessMs: { p50: 0, p99: 0, max: 0 },
      burst: 1,
    });
  });

  it('are late by how far an interval is from the wanted one, server and port by itself', () => {
    const found = timingOf([at(1, 0), at(2, 5), at(1, 0, 9000), at(1, 1002), at(2, 1000)], 1000);
    expect(found).toMatchObject({ intervalMs: 998.5, latenessMs: { p50: 2, max: 5 } });
  });

  it('come in a burst when all servers are asked at once', () => {
    const crowd = Array.from({ length: 400 }, (_, index) => at(index % 100, 1000 * (index % 4)));
    crowd.sort((a, b) => a.atMs - b.atMs);
    expect(timingOf(crowd, 1000).burst).toBeGreaterThan(50);
  });
});

describe('the picture', () => {
  it('has a bar for both, in proportion', () => {
    const svg = plot([{ name: 'cpu-per-check-tcp-100', ours: 50, peer: 25 }]);
    const heights = [...svg.matchAll(/<rect x="\d+" y="\S+" width="\d+" height="(\S+)" fill/g)];
    expect(heights.map(([, height]) => height).slice(0, 2)).toEqual(['100.0', '50.0']);
    expect(svg).toContain('>100 servers<');
  });
});
