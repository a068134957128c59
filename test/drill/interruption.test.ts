/** A drill that is interrupted leaves no process, namespace or file. Boots the lab kernel if need be. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'drill', 'main.ts');
const DEADLINE_MS = 120_000;

/** Command lines that name this drill: the lab kernel carries its directory in its arguments. */
function commandLinesWith(word: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(word) ? [line] : [];
      } catch {
        return [];
      }
    });
}

test.each([
  // While the lab is being made, and when all of it runs.
  ['SIGINT', 130, 'directors run keepalived'],
  ['SIGTERM', 143, 'director1 is the one master'],
] as const)(
  '%s ends the drill with everything it started',
  async (signal, wantedStatus, moment) => {
    const drill = spawn(process.execPath, [MAIN, '--program', 'keepalived'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    drill.stdout.setEncoding('utf8');
    let output = '';
    drill.stdout.on('data', (chunk: string) => {
      const wasBefore = !output.includes(moment);
      output += chunk;
      if (wasBefore && output.includes(moment)) drill.kill(signal);
    });
    const status = await new Promise((resolve) => drill.on('close', resolve));
    expect(status).toBe(wantedStatus);
    expect(output).toContain(moment);
    const mark = new RegExp(`^lvsd-(kernel-|drill-)?${drill.pid}-`);
    expect(readdirSync(tmpdir()).filter((name) => mark.test(name))).toEqual([]);
    expect(commandLinesWith(`lvsd-kernel-${drill.pid}-`)).toEqual([]);
    expect(namespaces().filter((name) => mark.test(name))).toEqual([]);
  },
  DEADLINE_MS,
);

function namespaces(): readonly string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
}
