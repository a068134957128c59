/** Gives the instances of FILE up from SOURCE, as the supervisor does for a dead vrrp process. */

import { logTo } from '../../../src/base/log.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { giveUp } from '../../../src/daemon/give-up.ts';
import { addressOf, argument, say } from './lines.ts';

const { config } = loadConfig(argument(0), { configId: 'x' });
if (config === undefined) throw new Error('The configuration is refused');
const source = addressOf(argument(1));
const masterships = config.vrrpInstances.map(({ name }) => ({ name, source, lastAdvertSentMs: 0 }));
giveUp(
  config,
  masterships,
  logTo((_level, fields) => say({ ...fields })),
);
