/** One turn of one contender, in a network namespace of its own: prints what it took as JSON. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Timing, timingOf } from './arrivals.ts';
import { configurationOf, INTERVAL_MS, type Load, VICTIM_ADDRESS } from './configuration.ts';
import { Contender, type Cost, type Who } from './contender.ts';
import { Servers, VICTIM_PORT } from './servers.ts';

export interface TurnInput extends Load {
  readonly who: Who;
  readonly seconds: number;
  readonly hasIpvs: boolean;
  /** More is asked for than can be done: no wait until everybody was asked. */
  readonly isSaturated?: boolean;
  readonly nodeOptions?: readonly string[];
}

export interface TurnResult extends Timing {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly residentMiB: number;
  readonly proportionalMiB: number;
  /** From the death of each victim to its end in the table; natively, to the decision. */
  readonly detectionMs: readonly number[];
}

const KIB_PER_MIB = 1024;
const MS_PER_SECOND = 1000;
const START_MS = 120_000;
const DETECTION_MS = 30_000;
/** Start-up is over by then: V8 has compiled what is asked 1,000 times a second, heaps have their sizes. */
const WARM_MS = 20_000;
/** So that deaths fall on all moments of an interval. */
const GOLDEN = 0.618;

async function take(input: TurnInput, directory: string): Promise<TurnResult> {
  const servers = await Servers.start(input.victims);
  const contender = new Contender({ ...input, directory, configuration: configurationOf(input) });
  try {
    await everybodyAsked(servers, contender, input);
    await pause(WARM_MS);
    const measured = await measure(servers, contender, { directory, seconds: input.seconds });
    const detectionMs = await killVictims(servers, contender, input);
    return { ...measured, detectionMs };
  } finally {
    await contender.stop();
    servers.close();
  }
}

async function everybodyAsked(
  servers: Servers,
  contender: Contender,
  { targets, isSaturated }: TurnInput,
): Promise<void> {
  const enough = isSaturated === true ? targets / 10 : targets;
  for (const endMs = performance.now() + START_MS; performance.now() < endMs; ) {
    contender.mustLive();
    if ((await servers.count()) >= enough) return;
    await pause(100);
  }
  throw new Error('Not everybody was asked');
}

async function measure(
  servers: Servers,
  contender: Contender,
  { directory, seconds }: { readonly directory: string; readonly seconds: number },
): Promise<Omit<TurnResult, 'detectionMs'>> {
  const before: Cost = contender.cost();
  const beganMs = performance.now();
  await servers.clear();
  await pause(seconds * MS_PER_SECOND);
  const after = contender.cost();
  const tookSeconds = (performance.now() - beganMs) / MS_PER_SECOND;
  const arrivals = await servers.arrivals(join(directory, 'arrivals'));
  return {
    ...timingOf(arrivals, INTERVAL_MS),
    seconds: tookSeconds,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    residentMiB: after.residentKiB / KIB_PER_MIB,
    proportionalMiB: after.proportionalKiB / KIB_PER_MIB,
  };
}

async function killVictims(
  servers: Servers,
  contender: Contender,
  { victims, hasIpvs }: TurnInput,
): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let victim = 0; victim < victims; victim += 1) {
    await pause(INTERVAL_MS * ((victim * GOLDEN) % 1));
    if (hasIpvs) {
      taken.push(await servers.killAndWatch(victim, VICTIM_ADDRESS));
      continue;
    }
    const killedMs = Number(await servers.kill(victim)) / 1e6;
    taken.push((await goneMs(contender, VICTIM_PORT + victim)) - killedMs);
  }
  return taken;
}

async function goneMs(contender: Contender, port: number): Promise<number> {
  for (const endMs = performance.now() + DETECTION_MS; performance.now() < endMs; ) {
    const told = contender.toldGoneMs(port);
    if (told !== undefined) return told;
    contender.mustLive();
    await pause(20);
  }
  throw new Error(`The dead server at port ${port} was not noticed`);
}

const directory = mkdtempSync(join(tmpdir(), 'lvsd-bench-health-'));
try {
  const result = await take(JSON.parse(process.argv[2] ?? ''), directory);
  process.stdout.write(JSON.stringify(result));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
