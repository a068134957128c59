/**
 * The drill as a program of its own: what is run again inside the lab kernel, and the shortest way to it
 * while the command line is not needed. People use `lvsd drill`.
 */
import { parseArgs } from 'node:util';
import { PROGRAM_NAMES } from './director.ts';
import { runDrill } from './drill.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inner: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    color: { type: 'boolean' },
    program: { type: 'string' },
    against: { type: 'string' },
  },
});

const program = PROGRAM_NAMES.find((name) => name === values.program);

process.exitCode = await runDrill({
  scenarios: positionals,
  json: values.json,
  isInner: values.inner,
  ...(values.inner ? { color: values.color ?? false } : {}),
  ...(program === undefined ? {} : { program }),
  ...(values.against === 'keepalived' ? { against: 'keepalived' } : {}),
});
