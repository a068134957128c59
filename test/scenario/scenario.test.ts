/** Every transcript in this folder, against the state machine. REWRITE=1 writes what happens now. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { rewriteTranscript } from './interpreter.ts';

const folder = new URL('./', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));

it.each(files)('%s', (file) => {
  const path = new URL(file, folder);
  const text = readFileSync(path, 'utf8');
  expect(text.startsWith('# '), 'a transcript begins with its rule').toBe(true);
  const rewritten = rewriteTranscript(text);
  if (process.env.REWRITE === '1') writeFileSync(path, rewritten);
  else expect(rewritten).toBe(text);
});
