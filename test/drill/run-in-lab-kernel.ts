/**
 * Runs a program inside the lab kernel: `node run-in-lab-kernel.ts MEMORY DIRECTORY… -- PROGRAM ARG…`.
 * The directories stay visible inside, read-only, wherever they lie.
 */
import { runInsideLabKernel } from '../../src/drill/lab-kernel.ts';

const words = process.argv.slice(2);
const separator = words.indexOf('--');
const [memory = '2G', ...hostDirectories] = words.slice(0, separator);

process.exitCode = await runInsideLabKernel({
  argv: words.slice(separator + 1),
  workingDirectory: process.cwd(),
  environment: { PATH: process.env.PATH ?? '', HOME: '/tmp', LANG: 'C.UTF-8' },
  hostDirectories,
  memory,
  stdout: process.stdout,
  stderr: process.stderr,
});
