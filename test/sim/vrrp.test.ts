/** Seeded simulation. A failing run names its seed; SEED=n runs that one alone. */
import { describe, expect, it } from 'vitest';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { ip, router } from '../vrrp/router.ts';
import { Network, seededRandom } from './vrrp-network.ts';

const SEEDS = 400;
const only = process.env.SEED;
const seeds =
  only === undefined ? Array.from({ length: SEEDS }, (_, seed) => seed + 1) : [Number(only)];

/** Two or three routers of different priorities; the interval is the same for all, as it must be. */
function makeConfigs(seed: number): readonly RouterConfig[] {
  const random = seededRandom(seed * 7919);
  const advertIntervalMs = [10, 100, 1000][Math.floor(random() * 3)] ?? 1000;
  const version = advertIntervalMs === 1000 && random() < 0.3 ? 2 : 3;
  const count = 2 + Math.floor(random() * 2);
  const preempt = random() < 0.8;
  const hasOwner = random() < 0.2;
  return Array.from({ length: count }, (_, index) =>
    router({
      name: `R${index}`,
      version,
      advertIntervalMs,
      preempt,
      priority: hasOwner && index === 0 ? 255 : 200 - index * 40 - Math.floor(random() * 20),
      initialState: random() < 0.5 ? 'MASTER' : 'BACKUP',
      primaryAddress: ip(`10.0.0.${index + 1}`),
    }),
  );
}

function misbehave(network: Network, count: number, intervalMs: number): void {
  const pick = (): number => Math.floor(network.random() * count);
  const faults = [
    () => network.setLoss(network.random() * 0.6),
    () => network.cut(pick(), pick()),
    () => network.stall(pick(), network.random() * 8 * intervalMs),
    () => network.crash(pick()),
    () => network.start(pick(), network.random() < 0.3),
    () => network.start(pick()),
    () => network.link(pick(), false),
    () => network.link(pick(), true),
    () => network.stop(pick()),
  ];
  for (let round = 0; round < 40; round += 1) {
    faults[Math.floor(network.random() * faults.length)]?.();
    network.advance(network.random() * 3 * intervalMs);
  }
}

function eachSeed(run: (seed: number) => void): void {
  for (const seed of seeds) {
    try {
      run(seed);
    } catch (cause) {
      throw new Error(`Failed with SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
  }
}

describe('routers on a bad segment', () => {
  it('once healed and settled, exactly one is MASTER, the right one, and it alone has the addresses', () => {
    eachSeed((seed) => {
      const configs = makeConfigs(seed);
      const intervalMs = configs[0]?.advertIntervalMs ?? 1000;
      const network = new Network({ seed, configs, delayMaxMs: intervalMs / 10 });
      network.onEvent = () => expect(network.holders()).toEqual(network.masters());
      for (const index of configs.keys()) network.start(index);
      misbehave(network, configs.length, intervalMs);
      // A release that the faults left running ends first; then every router is up again.
      network.heal();
      network.advance(5 * intervalMs + 200);
      network.heal();
      network.advance(12 * intervalMs + 200);
      expect(network.masters()).toHaveLength(1);
      const isPreemptive = configs.every(({ preempt }) => preempt);
      if (isPreemptive) expect(network.masters()).toEqual([0]);
      expect(network.holders()).toEqual(network.masters());
    });
  });

  it('without faults there is never a second MASTER after the first election', () => {
    eachSeed((seed) => {
      const configs = makeConfigs(seed);
      const intervalMs = configs[0]?.advertIntervalMs ?? 1000;
      const network = new Network({ seed, configs, delayMaxMs: intervalMs / 10 });
      for (const index of configs.keys()) network.start(index);
      network.advance(12 * intervalMs);
      network.onEvent = () => expect(network.masters()).toHaveLength(1);
      network.advance(50 * intervalMs);
    });
  });

  it('an orderly stop leaves no moment at which nobody has the addresses', () => {
    eachSeed((seed) => {
      const configs = makeConfigs(seed);
      const intervalMs = configs[0]?.advertIntervalMs ?? 1000;
      const network = new Network({ seed, configs, delayMaxMs: intervalMs / 100 });
      for (const index of configs.keys()) network.start(index);
      network.advance(12 * intervalMs);
      network.onEvent = () => expect(network.holders().length).toBeGreaterThan(0);
      const [master = 0] = network.masters();
      network.stop(master);
      network.advance(3 * intervalMs + 200);
      expect(network.isIdle(master)).toBe(true);
      expect(network.masters()).toHaveLength(1);
      expect(network.holders()).toEqual(network.masters());
    });
  });
});
