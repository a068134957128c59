/**
 * `parent`: starts itself as `child`, says its pid and waits to be killed. `child`: dies with its
 * parent. `realtime`: asks for SCHED_RR and says what it got.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { schedGetscheduler } from '../../../src/kernel/libc.ts';
import { setParentDeathSignal, trySetRealtime } from '../../../src/kernel/scheduling.ts';
import { argument, say } from './lines.ts';

const role = argument(0);
if (role === 'parent') {
  const script = fileURLToPath(import.meta.url);
  spawn(process.execPath, [script, 'child'], { stdio: ['ignore', 'inherit', 'inherit'] });
} else if (role === 'child') {
  setParentDeathSignal('SIGKILL');
  say({ child: process.pid });
  setInterval(() => {}, 60_000);
} else {
  say({ outcome: trySetRealtime(20), policy: schedGetscheduler(), bad: trySetRealtime(0) });
}
