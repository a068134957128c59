import { describe, expect, test } from 'vitest';
import { findLabKernel, runInLab } from './run-in-uml.ts';

const cwd = new URL('../..', import.meta.url).pathname;
const BOOT_MS = 60_000;
const lab = findLabKernel();
const missing = 'missing' in lab ? ` (skipped: it needs ${lab.missing})` : '';

describe.skipIf(missing !== '')(`a command in the lab${missing}`, () => {
  test('gives back its status and its output, and sees IPVS and the host files', async () => {
    const script = 'ipvsadm -Ln | head -n 1; ls package.json; echo "it\'s said" >&2; exit 7';
    let streamed = '';
    const run = await runInLab(['sh', '-c', script], {
      cwd,
      timeoutMs: BOOT_MS,
      onConsole: (text) => {
        streamed += text;
      },
    });
    expect(run.status).toBe(7);
    expect(run.stdout).toMatch(/^IP Virtual Server version .*\npackage\.json\n$/);
    expect(run.console).toContain("it's said");
    expect(streamed).toBe(run.console);
  }, 70_000);

  test('has no environment of the caller', async () => {
    process.env.LVSD_LAB_TEST = 'leaked';
    const run = await runInLab(['env'], { cwd, timeoutMs: BOOT_MS });
    delete process.env.LVSD_LAB_TEST;
    expect(run.stdout).toContain('PATH=');
    expect(run.stdout).not.toContain('leaked');
  }, 70_000);

  test('that does not end is killed with all that it started', async () => {
    const run = runInLab(['sh', '-c', 'sleep 600 & sleep 600'], { cwd, timeoutMs: 1500 });
    await expect(run).rejects.toThrow('The lab did not end within 1500 ms');
  }, 70_000);
});
