/** Runs a plan of directors with sync groups and judges it. What fails is told with its seed, shrunk. */
import type { HandoverOutcome } from '../../src/daemon/messages.ts';
import { PRIORITY_OWNER } from '../../src/vrrp/packet.ts';
import { RELEASE_GRACE_MS } from '../../src/vrrp/release.ts';
import { releaseBoundMs } from '../../src/vrrp/timing.ts';
import { Director } from './director.ts';
import { GroupLaws } from './group-laws.ts';
import { type GroupFault, type GroupPlan, makeGroupPlan } from './group-plan.ts';
import { Network } from './network.ts';
import { describeRouter, findFailure } from './run.ts';

/** The longest preempt_delay of a plan, in intervals. */
const DELAY_INTERVALS = 4;
const REST_INTERVALS = 20;

interface World {
  readonly plan: GroupPlan;
  readonly network: Network;
  readonly directors: readonly Director[];
  readonly laws: GroupLaws;
}

/** Throws what went wrong: a broken law, or whatever the code under test threw. */
export function runGroupPlan(plan: GroupPlan, transcript?: string[]): void {
  const { seed, intervalMs } = plan;
  const configs = plan.directors.flat();
  const network = new Network({ seed, configs, delayMaxMs: intervalMs / 100 });
  network.transcript = transcript;
  const memberCount = plan.directors[0]?.length ?? 0;
  const directors = plan.directors.map(
    (_, director) =>
      new Director(
        network,
        network.routers.slice(director * memberCount, (director + 1) * memberCount),
      ),
  );
  const world = { plan, network, directors, laws: new GroupLaws(network, directors) };
  for (const director of directors) director.boot();
  for (const { afterMs, fault } of plan.faults) {
    network.advance(afterMs);
    transcript?.push(`${network.nowMs.toFixed(3).padStart(12)}  -- ${JSON.stringify(fault)}`);
    if (fault.kind === 'heal') settle(world);
    else apply(world, fault);
  }
  if (plan.faults.at(-1)?.fault.kind === 'heal') end(world);
}

export function runGroupSeed(seed: number): void {
  findFailure(seed, makeGroupPlan(seed), runGroupPlan, ({ directors }) =>
    directors.flat().map((config) => {
      const alone = config.syncGroup === undefined ? ' alone' : '';
      return `${describeRouter(config)}${alone}${config.hmac === undefined ? '' : ' auth_hmac'}`;
    }),
  );
}

function apply({ network, directors }: World, fault: Exclude<GroupFault, { kind: 'heal' }>): void {
  const director = directors['director' in fault ? fault.director : 0];
  if (director === undefined) return;
  switch (fault.kind) {
    case 'loss':
    case 'duplicate':
    case 'corrupt':
    case 'cut':
    case 'uncut':
      network.disturb(fault);
      return;
    case 'stall':
      director.stall(fault.ms);
      return;
    case 'crash':
      director.crash();
      return;
    case 'start':
      director.boot();
      return;
    case 'stop':
      director.stop();
      return;
    case 'handover':
      director.handOver(() => {});
      return;
    case 'kill':
      director.kill(fault.resumeMs);
      return;
    case 'link':
      network.setLink(fault.member, fault.isUp);
      return;
    case 'tracker':
      setTracker(directors, network, fault.member, fault.isUp);
      return;
    case 'weight':
      director.setWeight(fault.amount);
      return;
    default:
      throw new Error(`Unknown fault ${JSON.stringify(fault satisfies never)}`);
  }
}

function setTracker(
  directors: readonly Director[],
  network: Network,
  index: number,
  isUp: boolean,
): void {
  const member = network.at(index);
  directors.find(({ members }) => members.includes(member))?.setTracker(member, isUp);
}

function heal({ network, directors }: World): void {
  network.repair();
  for (const { index } of network.routers) {
    network.setLink(index, true);
    setTracker(directors, network, index, true);
  }
  for (const director of directors) director.boot();
}

/** Everything is repaired; what the faults left running ends first. Then the laws of rest must hold. */
function settle(world: World): void {
  const { network, plan, laws } = world;
  const { intervalMs } = plan;
  heal(world);
  const stalledMs = network.routers.map(({ stalledUntilMs }) => stalledUntilMs - network.nowMs);
  network.advance(Math.max(0, ...stalledMs) + 3 * intervalMs + 200);
  heal(world);
  // Master-down and a release, a preempt delay, and both again: a group may have to begin anew.
  network.advance(3 * (6 + DELAY_INTERVALS) * intervalMs + 400);
  rest(laws, network, 2 * intervalMs);
}

/** Nobody changes its state any more. */
function rest(laws: GroupLaws, network: Network, ms: number): readonly Director[] {
  const masters = laws.checkSettled();
  const before = network.routers.map(({ transitions }) => transitions);
  network.advance(ms);
  const changed = network.routers.find((router, index) => router.transitions !== before[index]);
  if (changed !== undefined) throw new Error(`${changed.name} changes its state at rest`);
  laws.checkSettled();
  return masters;
}

/** With nothing wrong an operator hands over: the service is never without a director, and it stays where it went. */
function end(world: World): void {
  const { network, plan, laws, directors } = world;
  const { intervalMs, finale } = plan;
  const [master] = laws.checkSettled();
  if (master === undefined) throw new Error('Settled without a master');
  const boundMs = releaseBoundMs(3, intervalMs);
  laws.mustServe = true;
  laws.overlapMaxMs = 2 * boundMs + 2 * RELEASE_GRACE_MS + 2 * intervalMs;
  const others = directors.filter((director) => director !== master);
  if (finale === 'unheard') for (const other of others) other.stall(boundMs + 2 * intervalMs);
  if (finale === 'halfHeard') deafen(network, master, others);
  const outcomes: HandoverOutcome[] = [];
  master.handOver((outcome) => outcomes.push(outcome));
  network.advance(boundMs + RELEASE_GRACE_MS + 2 * intervalMs);
  network.repair();
  network.advance(3 * (6 + DELAY_INTERVALS) * intervalMs + 400);
  const masters = rest(laws, network, REST_INTERVALS * intervalMs);
  const [outcome, ...more] = outcomes;
  if (outcome === undefined || more.length > 0) throw new Error('A handover ends once');
  judgeHandover(world, master, outcome, masters);
}

/** The director does not hear what others say on the segment of its last member. */
function deafen(network: Network, master: Director, others: readonly Director[]): void {
  const last = master.members.length - 1;
  const [deaf] = master.members.slice(last);
  for (const { members } of others) {
    const [speaker] = members.slice(last);
    if (deaf !== undefined && speaker !== undefined)
      network.disturb({ kind: 'cut', from: speaker.index, to: deaf.index });
  }
}

function judgeHandover(
  { plan, directors }: World,
  master: Director,
  outcome: HandoverOutcome,
  masters: readonly Director[],
): void {
  const told = outcome.ok ? 'ok' : outcome.code;
  const isOwner = master.members.some(({ config }) => config.priority === PRIORITY_OWNER);
  const wanted = isOwner ? 'ADDRESS_OWNER' : plan.finale === 'heard' ? 'ok' : 'NO_SUCCESSOR';
  const isWhole = directors.every(({ isGrouped }) => isGrouped);
  // Where instances stand alone the named one may have a successor although another has none.
  if (isWhole && told !== wanted) throw new Error(`The handover says ${told}, not ${wanted}`);
  if (!isWhole) return;
  const stayed = masters.filter((one) => one === master).length;
  if (stayed !== 0 && stayed !== masters.length) throw new Error('The handover split the group');
  if (told === 'ok' && stayed > 0) throw new Error(`${master.name} preempted what it handed over`);
  if (plan.finale === 'unheard' && stayed === 0) throw new Error(`${master.name} lost its place`);
}
