/** Control packets for tests. */
import type { ControlPacket } from '../../src/bfd/packet.ts';

/** What a neighbour that is Down sends first; `changes` over it. */
export function packet(changes: Partial<ControlPacket> = {}): ControlPacket {
  return {
    diagnostic: 0,
    state: 'Down',
    isPoll: false,
    isFinal: false,
    isControlPlaneIndependent: false,
    hasAuthentication: false,
    isDemand: false,
    detectMult: 3,
    myDiscriminator: 0x0a0b0c0d,
    yourDiscriminator: 0,
    desiredMinTxUs: 1_000_000,
    requiredMinRxUs: 10_000,
    requiredMinEchoRxUs: 0,
    ...changes,
  };
}
