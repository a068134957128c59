/**
 * Whether the next start would come up, asked before this one goes: the program that is installed now, which may
 * be another version, is run on the file.
 */
import { execFile } from 'node:child_process';

/** Reading tens of thousands of servers takes a second; a program that needs longer does not work. */
const CHECK_TIMEOUT_MS = 60_000;
/** Of what it says. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

export interface NextStart {
  readonly configFile: string;
  readonly configId: string;
  readonly compat?: boolean;
}

export type NextStartAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'NEXT_START_REFUSED'; readonly message: string };

/** Runs `lvsd check` as this program was started. Never rejects. */
export function askNextStart({
  configFile,
  configId,
  compat,
}: NextStart): Promise<NextStartAnswer> {
  const [, entry = ''] = process.argv;
  const words = ['check', configFile, '--config-id', configId, ...(compat ? ['--compat'] : [])];
  const options = { timeout: CHECK_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve) => {
    const run = [...process.execArgv, entry, ...words];
    execFile(process.execPath, run, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve({ ok: true });
        return;
      }
      const said = `${stderr}${stdout}`.trim() || error.message;
      const message = `The program that is installed does not come up on ${configFile}, so this one stays: ${said}`;
      resolve({ ok: false, code: 'NEXT_START_REFUSED', message });
    });
  });
}
