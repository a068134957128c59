/** `shared_state` of global_defs. */
import { isAbsolute } from 'node:path';
import type { FileCheck } from './file-facts.ts';
import type { SharedStateConfig } from './model-global.ts';
import { type Entry, readBlock } from './read-block.ts';
import { reportTrailing } from './read-value.ts';
import { placeOf } from './source.ts';

const DEFAULT_KEY_PREFIX = 'lvsd:';
const DEFAULT_TTL_MS = 30_000;

export function compileSharedState(
  entry: Entry | undefined,
  files: FileCheck,
): SharedStateConfig | undefined {
  if (entry === undefined) return undefined;
  const { report } = files;
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'shared_state', place }, statements, report);
  if (!block.has('url') && !block.has('sentinel')) report('sharedStateWithoutServer', place, {});
  const [url, ...rest] = block.entry('url')?.words ?? [];
  if (url !== undefined) {
    reportTrailing([{ ...url, text: 'url' }], rest, report);
    // The address may hold a password: it is not repeated.
    if (!/^rediss?:\/\/\S+$/.test(url.text) && url.kind !== 'opaque') {
      const expected = 'redis://HOST[:PORT][/DATABASE]';
      report('wrongType', url, { keyword: 'url', expected, found: 'something else' });
    }
  }
  const [name, ...servers] = block.entry('sentinel')?.words ?? [];
  const username = block.text('username');
  const passwordFile = block.text('password_file');
  const [word] = block.entry('password_file')?.words ?? [];
  if (word !== undefined && passwordFile !== undefined) {
    if (isAbsolute(passwordFile)) files.checkKey(passwordFile, word);
    else report('relativePath', word, { keyword: 'password_file', found: passwordFile });
  }
  const sentinel = { name: name?.text ?? '', servers: servers.map(({ text }) => text) };
  return {
    ...(url === undefined ? {} : { url: { kind: 'secret', text: url.text } as const }),
    ...(name === undefined ? {} : { sentinel }),
    keyPrefix: block.text('key_prefix') ?? DEFAULT_KEY_PREFIX,
    ttlMs: block.number('ttl') ?? DEFAULT_TTL_MS,
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
    usesTls: block.flag('tls') || url?.text.startsWith('rediss:') === true,
  };
}
