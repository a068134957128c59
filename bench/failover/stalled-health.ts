/**
 * False failovers of lvsd beside health processes that stand still: INTERVAL_MS MINUTES, on a kernel with
 * IPVS; prints their number. bench/failover.ts runs it, where need be in user-mode Linux, whose one processor and
 * dear system calls are no ground for adverts every 10 ms.
 */
import { countFalseFailovers } from './trial.ts';

const [advertIntervalMs = '', minutes = ''] = process.argv.slice(2);
const count = await countFalseFailovers('lvsd', Number(advertIntervalMs), {
  minutes: Number(minutes),
  stallsHealth: true,
});
process.stdout.write(`${count}\n`, () => process.exit(0));
