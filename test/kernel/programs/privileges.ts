/**
 * Says what a program may do that this one starts, with and without its ambient capabilities, and then
 * what is left of its own after `limitSelf`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { limitSelf, withoutAmbient } from '../../../src/kernel/capabilities.ts';
import { say } from './lines.ts';

const WANTED = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs'];

function traits(status: string): Record<string, string> {
  const pairs = status.split('\n').map((line) => line.split(':\t'));
  return Object.fromEntries(pairs.filter(([name = '']) => WANTED.includes(name)));
}

const ofProgram = () => traits(execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' }));
const inherited = ofProgram();
const dropped = withoutAmbient(ofProgram);
const restored = ofProgram();
const outcome = limitSelf(['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_NICE']);
const own = traits(readFileSync('/proc/self/status', 'utf8'));
say({ inherited, dropped, restored, outcome, own, after: ofProgram() });
