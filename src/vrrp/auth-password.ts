/**
 * The password of version 2 (RFC 2338 5.3.10, authentication type 1): 8 bytes behind the addresses, in
 * clear. It keeps a misconfigured neighbour out, and nobody who can listen.
 */
import { timingSafeEqual } from 'node:crypto';
import type { VrrpInstanceConfig } from '../config/model.ts';
import type { Advert } from './packet.ts';

/** RFC 2338 5.3.6. */
const AUTH_NONE = 0;
const AUTH_PASSWORD = 1;
const AUTH_DATA_LENGTH = 8;

export type PasswordRefusal = 'AUTH_TYPE_MISMATCH' | 'AUTH_FAILURE';

type Authenticated = Pick<VrrpInstanceConfig, 'version' | 'authentication' | 'hmac'>;

/** What our own advert carries; nothing without a password, in version 3, and beside auth_hmac. */
export function passwordFields(
  config: Authenticated,
): { readonly authType: number; readonly authData: Uint8Array } | undefined {
  const password = passwordOf(config);
  return password === undefined ? undefined : { authType: AUTH_PASSWORD, authData: password };
}

/** Undefined when the advert says what our configuration says. */
export function checkPassword(
  advert: Advert,
  config: Authenticated,
): { readonly code: PasswordRefusal; readonly detail: string } | undefined {
  const password = passwordOf(config);
  const expected = password === undefined ? AUTH_NONE : AUTH_PASSWORD;
  if (advert.authType !== expected) {
    const detail = `authentication ${nameOf(advert.authType)}, ours ${nameOf(expected)}`;
    return { code: 'AUTH_TYPE_MISMATCH', detail };
  }
  if (password === undefined) return undefined;
  const found = new Uint8Array(AUTH_DATA_LENGTH);
  found.set((advert.authData ?? new Uint8Array()).subarray(0, AUTH_DATA_LENGTH));
  if (timingSafeEqual(found, password)) return undefined;
  return { code: 'AUTH_FAILURE', detail: 'another password than ours' };
}

/** Padded with zeros; longer is cut off, as keepalived cuts it. auth_hmac takes the password's place. */
function passwordOf({ version, authentication, hmac }: Authenticated): Uint8Array | undefined {
  if (version !== 2 || hmac !== undefined) return undefined;
  if (authentication?.type !== 'PASS') return undefined;
  const data = new Uint8Array(AUTH_DATA_LENGTH);
  data.set(Buffer.from(authentication.password.text, 'utf8').subarray(0, AUTH_DATA_LENGTH));
  return data;
}

function nameOf(authType: number): string {
  return ['none', 'PASS', 'AH'][authType] ?? `type ${authType}`;
}
