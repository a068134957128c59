/**
 * How late timers are in a process that does nothing else, which is how late the machine is: starts one of as many ms
 * as its argument says every few ms. For each line that it is told, prints the latest since the one before, ms.
 */
import { createInterface } from 'node:readline';

const EVERY_MS = 5;

const delayMs = Number(process.argv[2]);
let latestMs = 0;
setInterval(() => {
  const startedMs = performance.now();
  setTimeout(() => {
    latestMs = Math.max(latestMs, performance.now() - startedMs - delayMs);
  }, delayMs);
}, EVERY_MS);

createInterface({ input: process.stdin })
  .on('line', () => {
    process.stdout.write(`${latestMs}\n`);
    latestMs = 0;
  })
  .on('close', () => process.exit());
