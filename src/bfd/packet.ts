/**
 * BFD Control packets (RFC 5880 section 4.1), and what is wrong with those that are none: section 6.8.6 as far
 * as the packet alone can tell.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-----+---------+---+-+-+-+-+-+-+---------------+---------------+
 *     |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *     +-----+---------+---+-+-+-+-+-+-+---------------+---------------+
 *     |                       My Discriminator                        |
 *     +---------------------------------------------------------------+
 *     |                      Your Discriminator                       |
 *     +---------------------------------------------------------------+
 *     |                  Desired Min TX Interval (us)                 |
 *     +---------------------------------------------------------------+
 *     |                 Required Min RX Interval (us)                 |
 *     +---------------------------------------------------------------+
 *     |               Required Min Echo RX Interval (us)              |
 *     +---------------------------------------------------------------+
 *     |   Auth Type   |   Auth Len    |  Authentication Data ...      |  only where A is set
 *     +---------------+---------------+-------------------------------+
 */

export type SessionState = 'AdminDown' | 'Down' | 'Init' | 'Up';

/** In the order of their numbers. */
const STATES: readonly SessionState[] = ['AdminDown', 'Down', 'Init', 'Up'];

/** Diagnostic codes; 9 to 31 are reserved. */
export const NO_DIAGNOSTIC = 0;
export const CONTROL_DETECTION_TIME_EXPIRED = 1;
export const NEIGHBOR_SIGNALED_SESSION_DOWN = 3;
export const ADMINISTRATIVELY_DOWN = 7;

const DIAGNOSTICS: readonly string[] = [
  'No Diagnostic',
  'Control Detection Time Expired',
  'Echo Function Failed',
  'Neighbor Signaled Session Down',
  'Forwarding Plane Reset',
  'Path Down',
  'Concatenated Path Down',
  'Administratively Down',
  'Reverse Concatenated Path Down',
];

/** In the words of RFC 5880 section 4.1. */
export function describeDiagnostic(code: number): string {
  return DIAGNOSTICS[code] ?? `Diagnostic ${code}`;
}

export const BFD_VERSION = 1;
/** Without an authentication section. */
export const CONTROL_PACKET_LENGTH = 24;
/** With the smallest one: type and length. */
const AUTHENTICATED_LENGTH_MIN = 26;

const POLL = 0x20;
const FINAL = 0x10;
const CONTROL_PLANE_INDEPENDENT = 0x08;
const AUTHENTICATION_PRESENT = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;

/** Intervals are in microseconds, as on the wire. */
export interface ControlPacket {
  readonly diagnostic: number;
  readonly state: SessionState;
  readonly isPoll: boolean;
  readonly isFinal: boolean;
  readonly isControlPlaneIndependent: boolean;
  readonly hasAuthentication: boolean;
  readonly isDemand: boolean;
  readonly detectMult: number;
  readonly myDiscriminator: number;
  readonly yourDiscriminator: number;
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
}

/** One name for each way to be discarded by section 6.8.6 without looking at a session. */
export type PacketRefusal =
  /** Less than 24 bytes: no field can be believed. */
  | 'SHORT_PACKET'
  | 'BAD_VERSION'
  /** Length below 24, or below 26 where A is set. */
  | 'BAD_LENGTH'
  /** Length above what the datagram has. */
  | 'LENGTH_BEYOND_DATAGRAM'
  | 'ZERO_DETECT_MULT'
  | 'MULTIPOINT'
  | 'ZERO_MY_DISCRIMINATOR'
  /** Your Discriminator is 0, and the state is neither Down nor AdminDown. */
  | 'ZERO_YOUR_DISCRIMINATOR'
  /** Section 6.5: never both. */
  | 'POLL_AND_FINAL';

export type DecodeOutcome =
  | { readonly ok: true; readonly packet: ControlPacket }
  | { readonly ok: false; readonly code: PacketRefusal };

/** Decodes the payload of a datagram; never throws. The tests are in the order of section 6.8.6. */
export function decodePacket(bytes: Uint8Array): DecodeOutcome {
  if (bytes.length < CONTROL_PACKET_LENGTH) return { ok: false, code: 'SHORT_PACKET' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const versionAndDiagnostic = view.getUint8(0);
  const flags = view.getUint8(1);
  const packet: ControlPacket = {
    diagnostic: versionAndDiagnostic & 0x1f,
    state: STATES[flags >> 6] ?? 'AdminDown',
    isPoll: (flags & POLL) !== 0,
    isFinal: (flags & FINAL) !== 0,
    isControlPlaneIndependent: (flags & CONTROL_PLANE_INDEPENDENT) !== 0,
    hasAuthentication: (flags & AUTHENTICATION_PRESENT) !== 0,
    isDemand: (flags & DEMAND) !== 0,
    detectMult: view.getUint8(2),
    myDiscriminator: view.getUint32(4),
    yourDiscriminator: view.getUint32(8),
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
    requiredMinEchoRxUs: view.getUint32(20),
  };
  const code = refusalOf(packet, {
    version: versionAndDiagnostic >> 5,
    length: view.getUint8(3),
    datagramLength: bytes.length,
    isMultipoint: (flags & MULTIPOINT) !== 0,
  });
  return code === undefined ? { ok: true, packet } : { ok: false, code };
}

interface Frame {
  readonly version: number;
  readonly length: number;
  readonly datagramLength: number;
  readonly isMultipoint: boolean;
}

function refusalOf(packet: ControlPacket, frame: Frame): PacketRefusal | undefined {
  const { hasAuthentication, state, yourDiscriminator } = packet;
  if (frame.version !== BFD_VERSION) return 'BAD_VERSION';
  const least = hasAuthentication ? AUTHENTICATED_LENGTH_MIN : CONTROL_PACKET_LENGTH;
  if (frame.length < least) return 'BAD_LENGTH';
  if (frame.length > frame.datagramLength) return 'LENGTH_BEYOND_DATAGRAM';
  if (packet.detectMult === 0) return 'ZERO_DETECT_MULT';
  if (frame.isMultipoint) return 'MULTIPOINT';
  if (packet.myDiscriminator === 0) return 'ZERO_MY_DISCRIMINATOR';
  if (yourDiscriminator === 0 && state !== 'Down' && state !== 'AdminDown') {
    return 'ZERO_YOUR_DISCRIMINATOR';
  }
  return packet.isPoll && packet.isFinal ? 'POLL_AND_FINAL' : undefined;
}

/** 24 bytes: no authentication section is ever sent, whatever `hasAuthentication` says. */
export function encodePacket(packet: ControlPacket): Uint8Array {
  const bytes = new Uint8Array(CONTROL_PACKET_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (BFD_VERSION << 5) | (packet.diagnostic & 0x1f));
  view.setUint8(
    1,
    (STATES.indexOf(packet.state) << 6) |
      (packet.isPoll ? POLL : 0) |
      (packet.isFinal ? FINAL : 0) |
      (packet.isControlPlaneIndependent ? CONTROL_PLANE_INDEPENDENT : 0) |
      (packet.isDemand ? DEMAND : 0),
  );
  view.setUint8(2, packet.detectMult);
  view.setUint8(3, CONTROL_PACKET_LENGTH);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  view.setUint32(20, packet.requiredMinEchoRxUs);
  return bytes;
}
