/** `lvsd realserver`: this machine as a real server behind LVS-DR. */
import { type Command, InvalidArgumentError } from 'commander';
import { type IpAddress, parseAddress } from '../base/address.ts';
import {
  type RealserverOutcome,
  realserverDown,
  realserverStatus,
  realserverUp,
} from '../host/realserver.ts';
import { printError, printJson, printLine } from './output.ts';

const DEFAULT_RECORD_FILE = '/run/lvsd/realserver.json';

interface ChangeOptions {
  readonly record: string;
  readonly json?: boolean;
}

export function addRealserverCommand(program: Command): void {
  const group = program
    .command('realserver')
    .description('the real-server side of LVS-DR: VIP/32 on lo, ARP for it silenced');
  const changes = [
    ['up', 'put the VIPs on lo; arp_ignore=1, arp_announce=2 on lo and all', realserverUp],
    ['down', 'take the VIPs off; the last one restores the former sysctls', realserverDown],
  ] as const;
  for (const [name, description, change] of changes) {
    group
      .command(name)
      .argument('<vip...>', 'virtual IP addresses', collectAddress)
      .description(description)
      .option('--record <file>', 'where former values are kept', DEFAULT_RECORD_FILE)
      .option('--json', 'the result as JSON')
      .action((vips: readonly IpAddress[], options: ChangeOptions) => {
        process.exitCode = reportChange(change(vips, options.record), options);
      });
  }
  group
    .command('status')
    .argument('<vip...>', 'virtual IP addresses', collectAddress)
    .description('is this machine ready as a real server? Exit status 1 when it is not')
    .option('--json', 'the findings as JSON')
    .action((vips: readonly IpAddress[], options: { json?: boolean }) => {
      process.exitCode = reportStatus(vips, options);
    });
}

function collectAddress(text: string, previous: readonly IpAddress[] | undefined): IpAddress[] {
  const address = parseAddress(text);
  if (address === undefined) {
    throw new InvalidArgumentError(`"${text}" is not an IP address (write it without a prefix)`);
  }
  return [...(previous ?? []), address];
}

function reportChange(outcome: RealserverOutcome, options: ChangeOptions): number {
  if (options.json) printJson(outcome);
  if (!outcome.ok) {
    printError(outcome.message);
    return 1;
  }
  if (options.json) return 0;
  for (const line of outcome.done) printLine(line);
  if (outcome.done.length === 0) printLine('nothing to do');
  return 0;
}

function reportStatus(vips: readonly IpAddress[], options: { readonly json?: boolean }): number {
  const findings = realserverStatus(vips);
  const isReady = findings.every(({ ok }) => ok);
  if (options.json) {
    printJson({ ready: isReady, findings });
    return isReady ? 0 : 1;
  }
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, ok, found, expected } of findings) {
    const verdict = ok ? 'ok   ' : 'WRONG';
    printLine(`${verdict} ${what.padEnd(width)}  ${ok ? found : `${found}, expected ${expected}`}`);
  }
  if (!isReady) {
    const list = vips.map(({ text }) => text).join(' ');
    printError(`not ready as a real server: run \`lvsd realserver up ${list}\` as root`);
  }
  return isReady ? 0 : 1;
}
