/** The model as people may see it: without secrets, and without spans unless they are asked for. */
import type { Config } from './model.ts';

export const HIDDEN = '***';

export interface DumpOptions {
  /** Where in the files everything stands. */
  readonly spans: boolean;
}

/** Plain data for JSON; every default of the model is in it. */
export function dumpConfig(config: Config, { spans }: DumpOptions): unknown {
  return JSON.parse(
    JSON.stringify(config, (key, value: unknown) => {
      if (key === 'span') return spans ? value : undefined;
      return redacted(key, value);
    }),
  );
}

const SECRET_FIELD = /pass(word|phrase)?$|secret$/i;

/** Headers of a check that let it in. */
const CREDENTIAL = /^((?:proxy-)?authorization|cookie|x-api-key|x-auth-token)(\s*:).*/is;

/** The value as people may see it: of a header that lets somebody in, its name. */
export function redacted(field: string, value: unknown): unknown {
  if (isSecret(field, value)) return HIDDEN;
  return typeof value === 'string' ? value.replace(CREDENTIAL, `$1$2 ${HIDDEN}`) : value;
}

/** A value that is marked as a secret, or text under a name that says so. */
export function isSecret(field: string, value: unknown): boolean {
  if (typeof value === 'string') return SECRET_FIELD.test(field);
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'secret';
}
