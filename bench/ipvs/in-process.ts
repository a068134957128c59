/** lvsd's reconciler in this process, turned by hand or by the event loop: the load without the start. */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { processCpuMs, systemClock } from '../../src/base/clock.ts';
import { logTo, silentLog } from '../../src/base/log.ts';
import { Reconciler } from '../../src/ipvs/reconciler.ts';
import type { Table } from '../../src/ipvs/types.ts';
import { DeadlineTimer } from '../../src/kernel/timer.ts';
import { HandTimer } from '../../test/ipvs/hand-timer.ts';
import { type KernelTable, until } from './kernel-table.ts';

const NS_PER_MS = 1e6;
const FIRST_LOOK_MS = 3000;

/**
 * Milliseconds of: an empty table made `first`; made `second`; its servers removed. Until the kernel has it,
 * as the others are measured; `verified` is the load until it has been read back as well.
 */
export interface LoadTimes {
  readonly load: number;
  readonly change: number;
  readonly remove: number;
  readonly verified?: number;
}

export function loadInProcess(
  kernel: KernelTable,
  directory: string,
  [first, second, bare]: readonly [Table, Table, Table],
): LoadTimes {
  let timer: HandTimer | undefined;
  let appliedMs = 0;
  const { client } = kernel;
  const reconciler = new Reconciler({
    client: {
      dump: () => client.dump(),
      services: () => client.services(),
      destinations: (service) => client.destinations(service),
      readListing: (isFirst) => client.readListing(isFirst),
      apply: (operations) => {
        const outcomes = client.apply(operations);
        appliedMs = performance.now();
        return outcomes;
      },
    },
    log: silentLog,
    clock: systemClock,
    cpuMs: processCpuMs,
    ownershipPath: join(directory, 'in-process.json'),
    newTimer: (onExpire) => {
      timer = new HandTimer(onExpire);
      return timer;
    },
  });
  let verified = 0;
  const timed = (action: () => void): number => {
    const beganMs = performance.now();
    action();
    timer?.turn();
    verified = performance.now() - beganMs;
    const { lastError } = reconciler.snapshot();
    if (lastError !== undefined) throw new Error(lastError.detail);
    return appliedMs - beganMs;
  };
  const load = timed(() => reconciler.start(first));
  const times = {
    load,
    verified,
    change: timed(() => reconciler.setDesired(second)),
    remove: timed(() => reconciler.setDesired(bare)),
  };
  reconciler.removeOwned();
  reconciler.close();
  return times;
}

/**
 * How long the event loop was kept from everything else, ms, at the longest, while the whole table was
 * put back after `ipvsadm -C`. More than LOGGED_CHANGES_MAX entries, because only then the end is said.
 */
export async function delayWhileRepairing(
  kernel: KernelTable,
  directory: string,
  table: Table,
): Promise<number> {
  let isRepaired = false;
  const reconciler = new Reconciler({
    client: kernel.client,
    log: logTo((_level, { repairs }) => {
      if (repairs !== undefined) isRepaired = true;
    }),
    clock: systemClock,
    cpuMs: processCpuMs,
    ownershipPath: join(directory, 'in-process.json'),
    newTimer: (onExpire) => new DeadlineTimer(onExpire),
  });
  const started = reconciler.start(table);
  if (!started.ok || !started.first.ok) throw new Error('The table could not be loaded');
  // Past the first look, which reads all.
  await sleep(FIRST_LOOK_MS);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  kernel.clear();
  delay.enable();
  await until('the table is put back', () => isRepaired, performance.now());
  delay.disable();
  reconciler.removeOwned();
  reconciler.close();
  return delay.max / NS_PER_MS;
}
