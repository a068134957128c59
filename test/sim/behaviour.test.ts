/** What a healthy segment does, and what the simulation itself promises. */
import { describe, expect, it } from 'vitest';
import {
  decodeRecording,
  encodeStep,
  type RecordedStep,
  replay,
} from '../../src/vrrp/recording.ts';
import { Network } from './network.ts';
import { makePlan, type Plan } from './plan.ts';
import { runPlan } from './run.ts';

const SEEDS = Array.from({ length: 300 }, (_, index) => index + 1);

function eachSeed(run: (plan: Plan) => void): void {
  for (const seed of SEEDS) {
    const plan = makePlan(seed);
    try {
      run(plan);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
    }
  }
}

function settled({ seed, configs, intervalMs, intervalMaxMs }: Plan): Network {
  const network = new Network({ seed, configs, delayMaxMs: intervalMs / 100 });
  for (const { index } of network.routers) network.boot(index);
  network.advance(24 * intervalMaxMs + 2000);
  return network;
}

describe('a segment without faults', () => {
  it('never has a second MASTER after the first election', () => {
    eachSeed((plan) => {
      const network = settled(plan);
      const masters = network.masters();
      expect(masters).toHaveLength(1);
      network.onEvent = () => expect(network.masters()).toEqual(masters);
      network.advance(50 * plan.intervalMaxMs);
    });
  });

  it('is never without the addresses while a master stops in good order', () => {
    eachSeed((plan) => {
      const network = settled(plan);
      const [master = 0] = network.masters();
      network.onEvent = () => expect(network.holders().length).toBeGreaterThan(0);
      network.touch(master, 'is told to stop', (router) => router.stop());
      network.advance(3 * plan.intervalMaxMs + 1200);
      expect(network.at(master).instance).toBeUndefined();
      expect(network.masters()).toHaveLength(1);
      expect(network.holders()).toEqual(network.masters());
    });
  });
});

describe('the simulation', () => {
  it('replays a seed event by event, whatever the wall clock does', () => {
    eachSeed((plan) => {
      const [first, again, withoutSteps]: string[][] = [[], [], []];
      runPlan(plan, { transcript: first ?? [] });
      runPlan(plan, { transcript: again ?? [] });
      expect(again).toEqual(first);
      const still = plan.faults.map((one) =>
        one.fault.kind === 'clock' ? { ...one, fault: { ...one.fault, ms: 0 } } : one,
      );
      runPlan({ ...plan, faults: still }, { transcript: withoutSteps ?? [] });
      const isEvent = (line: string): boolean => !line.includes('  -- ');
      expect(withoutSteps?.filter(isEvent)).toEqual(first?.filter(isEvent));
    });
  });

  it('recorded, replays through the core to the same actions', () => {
    eachSeed((plan) => {
      const recordings = plan.configs.map((): RecordedStep[] => []);
      runPlan(plan, {
        prepare: ({ routers }) => {
          for (const router of routers) {
            router.onStep = (step) => recordings[router.index]?.push(step);
          }
        },
      });
      for (const steps of recordings) {
        const text = steps.map((one, index) => encodeStep(one, steps[index - 1]?.config)).join('');
        const decoded = decodeRecording(text);
        if (!decoded.ok) throw new Error(`line ${decoded.line}: ${decoded.message}`);
        expect(decoded.steps).toHaveLength(steps.length);
        expect(replay(decoded.steps)).toBeUndefined();
      }
    });
  });
});
