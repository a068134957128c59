/** JSON lines: what a test program hears and says. */
import { createInterface } from 'node:readline';
import { type IpAddress, parseAddress } from '../../../src/base/address.ts';

export function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Calls back for every line of stdin; `onEnd` closes what keeps the program running. */
export function hear<Command>(onCommand: (command: Command) => void, onEnd: () => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => onCommand(JSON.parse(line)));
  lines.on('close', onEnd);
}

export function addressOf(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}

export function argument(index: number): string {
  const value = process.argv[index + 2];
  if (value === undefined) throw new Error(`Argument ${index} is missing`);
  return value;
}
