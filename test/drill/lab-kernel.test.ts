/** Boots the lab kernel (2 to 3 s each). Needs linux.uml, which `./setup test` installs. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { runInsideLabKernel } from '../../src/drill/lab-kernel.ts';

const BOOT_MS = 120_000;

/** Runs a shell line inside; returns all that came back. */
async function inside(script: string): Promise<{ status: number; stdout: string; stderr: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const read = Promise.all([text(stdout), text(stderr)]);
  const status = await runInsideLabKernel({
    argv: ['/bin/sh', '-c', script],
    workingDirectory: '/',
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', GREETING: 'hello' },
    hostDirectories: [],
    stdout,
    stderr,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await read;
  return { status, stdout: out, stderr: err };
}

function ownDirectories(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`lvsd-kernel-${process.pid}-`));
}

test(
  'a program inside has its two outputs apart, its status handed back, IPVS, and leaves nothing',
  async () => {
    const script = [
      'echo "$GREETING"',
      'seq 1 20000',
      'echo trouble >&2',
      'test -e /proc/net/ip_vs || echo "no IPVS" >&2',
      'touch /etc/lvsd-was-here 2>/dev/null && echo "the host is writable" >&2',
      'exit 7',
    ].join('\n');
    const { status, stdout, stderr } = await inside(script);
    const numbers = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('');
    expect(stderr).toBe('trouble\n');
    expect(stdout).toBe(`hello\n${numbers}`);
    expect(status).toBe(7);
    expect(ownDirectories()).toEqual([]);
  },
  BOOT_MS,
);
