/**
 * A director of lvsd's own parts whose health process stands still from its birth: FILE. For kernels without
 * IPVS, where the daemon refuses a file with virtual servers: the guards, the channels and the processes are
 * those of `lvsd run`, and what a supervisor says to a health process is said to this one, and stays unread.
 */
import { systemClock } from '../../src/base/clock.ts';
import { openLog } from '../../src/base/log-pino.ts';
import { defaultConfigId, loadConfig } from '../../src/config/load.ts';
import { CheckScripts } from '../../src/daemon/check-scripts.ts';
import { NO_HELPER_THREADS, type SpawnChild, spawnBeside } from '../../src/daemon/child-handle.ts';
import { giveUp } from '../../src/daemon/give-up.ts';
import { HealthGuard } from '../../src/daemon/health-guard.ts';
import type { FromHealth, FromVrrp, ToHealth, ToVrrp } from '../../src/daemon/messages.ts';
import { ScriptRunner } from '../../src/daemon/script-runner.ts';
import { nodeTimers } from '../../src/daemon/timers.ts';
import { VrrpGuard } from '../../src/daemon/vrrp-guard.ts';

/** Much more often than a supervisor has anything to say. */
const SAY_EVERY_MS = 100;

const [file = ''] = process.argv.slice(2);
const { config } = loadConfig(file, { configId: defaultConfigId() });
if (config === undefined) throw new Error(`${file} is refused`);
const log = openLog('warn');

const spawnStalled: SpawnChild<ToHealth, FromHealth> = (handlers) => {
  const child = spawnBeside<ToHealth, FromHealth>('health-process')(handlers);
  if (child.pid !== undefined) process.kill(child.pid, 'SIGSTOP');
  return child;
};

const nothing = (): void => {};
const common = { clock: systemClock, log, setTimer: nodeTimers, onRestart: nothing };
const onFatal = (_code: string, message: string): void => {
  throw new Error(message);
};
const health = new HealthGuard(
  config,
  { ownershipFile: `${file}.owned`, adopt: false, isOurs: false },
  {
    ...common,
    onFatal,
    spawn: spawnStalled,
    isSameService: Object.is,
    onServersChecked: nothing,
    onServices: nothing,
    onNotice: nothing,
    onExpiry: nothing,
    newScripts: (onEnd) =>
      new CheckScripts({
        runner: new ScriptRunner({ clock: systemClock, setTimer: nodeTimers, limit: 1 }),
        setTimer: nodeTimers,
        rules: () => config.globalDefs,
        onEnd,
      }),
    files: () => [],
    bfd: () => [],
  },
);
void health.start();
const vrrp = new VrrpGuard(config, {
  ...common,
  onFatal,
  spawn: spawnBeside<ToVrrp, FromVrrp>('vrrp-process', NO_HELPER_THREADS),
  afterPending: setImmediate,
  giveUp: (given, masterships) => giveUp(given, masterships, log),
  trackers: () => [],
  onNotice: ({ name, state }) => health.setRole(name, state === 'MASTER' ? 'master' : 'backup'),
  onReport: nothing,
});
vrrp.start();
setInterval(() => void health.snapshot(), SAY_EVERY_MS);
