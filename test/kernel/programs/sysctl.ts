/** Reads, writes and reads again one sysctl: PATH VALUE. */
import { readSysctl, writeSysctl } from '../../../src/kernel/sysctl.ts';
import { argument, say } from './lines.ts';

const path = argument(0);
const before = readSysctl(path);
const outcome = writeSysctl(path, argument(1));
say({ before, outcome, after: readSysctl(path) });
