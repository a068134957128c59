/**
 * The checks of lvsd without the table: what the health process runs, with real sockets, in a process of its
 * own. `node engine.ts FILE`; writes `NAME MS` (CLOCK_MONOTONIC) for every server that goes down.
 */
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/config/load.ts';
import { HealthEngine } from '../../src/health/engine.ts';

const { config, diagnostics } = loadConfig(process.argv[2] ?? '', { configId: 'bench' });
if (config === undefined) throw new Error(JSON.stringify(diagnostics.slice(0, 3)));
const engine = new HealthEngine({
  clock: systemClock,
  log: silentLog,
  random: Math.random,
  onChange: ({ serverName, isUp }) => {
    if (!isUp) process.stdout.write(`${serverName} ${systemClock.monotonicMs()}\n`);
  },
});
engine.start(config.virtualServers);
// Node writes a profile (--cpu-prof) only where it ends by itself.
process.once('SIGTERM', () => process.exit(0));
