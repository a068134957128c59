/**
 * The resignation of a master that cannot speak for itself any more: what the supervisor sends when the
 * process that held the virtual addresses is gone (RFC 9568 6.4.3, Shutdown).
 */
import type { IpAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { encodeOwnAdvert } from './own-advert.ts';
import { type ChecksumForm, PRIORITY_RESIGN } from './packet.ts';

/** A priority 0 advert for `config` from `source`, ready for protocol 112 to `vrrpGroup(family)`. */
export function encodeGoodbye(
  config: VrrpInstanceConfig,
  source: IpAddress,
  checksumForm?: ChecksumForm,
): Uint8Array {
  return encodeOwnAdvert(config, source, PRIORITY_RESIGN, checksumForm);
}
