/**
 * Generic netlink: families found by name, and commands to one of them (linux/genetlink.h).
 *
 *      0         1         2          4
 *     +---------+---------+----------+----------------+
 *     | command | version | reserved | attributes ... |     genlmsghdr, the payload of an nlmsghdr
 *     +---------+---------+----------+----------------+
 */
import { EAGAIN, ENOENT } from './errno.ts';
import {
  AttributeWriter,
  decodeAttributes,
  NETLINK_GENERIC,
  NetlinkFormatError,
  type NetlinkMessage,
  readU16,
  readU32,
  requireAttribute,
} from './netlink.ts';
import {
  type AckOutcome,
  type NetlinkFailure,
  type NetlinkRequest,
  NetlinkSocket,
  type ReplyOutcome,
} from './netlink-socket.ts';

const GENL_HEADER_LENGTH = 4;
const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_VERSION = 3;
const CTRL_VERSION = 2;

export interface GenericFamily {
  /** nlmsghdr type of its messages; the kernel gives it out, never a constant. */
  readonly id: number;
  readonly version: number;
}

export type FamilyOutcome =
  | ({ readonly ok: true } & GenericFamily)
  /** The kernel has no such family, and no module of that name to load. */
  | { readonly ok: false; readonly code: 'FAMILY_ABSENT'; readonly detail: string }
  | NetlinkFailure;

/** A command to or from a family, with its packed attributes (AttributeWriter). */
export interface GenericMessage {
  readonly command: number;
  readonly attributes: Uint8Array;
}

export type GenericReplyOutcome =
  | { readonly ok: true; readonly messages: readonly GenericMessage[] }
  | NetlinkFailure;

/** An array of messages, or what makes them one at a time (netlink-socket.ts, BatchRequests). */
export interface GenericMessages {
  readonly length: number;
  at(index: number): GenericMessage | undefined;
}

function genericHeader(command: number, version: number): Uint8Array {
  return Uint8Array.of(command, version, 0, 0);
}

/** The payload of a generic netlink message. */
export function encodeGenericPayload(message: GenericMessage, version: number): Uint8Array {
  const payload = new Uint8Array(GENL_HEADER_LENGTH + message.attributes.length);
  payload.set(genericHeader(message.command, version));
  payload.set(message.attributes, GENL_HEADER_LENGTH);
  return payload;
}

/** Attributes alias the payload. Throws NetlinkFormatError. */
export function decodeGenericPayload(payload: Uint8Array): GenericMessage {
  const command = payload[0];
  if (command === undefined || payload.length < GENL_HEADER_LENGTH) {
    throw new NetlinkFormatError(
      'TRUNCATED_MESSAGE',
      `A generic netlink header has 4 bytes, found ${payload.length}`,
    );
  }
  return { command, attributes: payload.subarray(GENL_HEADER_LENGTH) };
}

/**
 * Asks the controller for a family by name. The kernel tries to load the family's module first,
 * with its own privileges. Needs none of the caller.
 */
export function resolveFamily(socket: NetlinkSocket, name: string): FamilyOutcome {
  const attributes = new AttributeWriter().string(CTRL_ATTR_FAMILY_NAME, name).finish();
  const message = { command: CTRL_CMD_GETFAMILY, attributes };
  const reply = socket.request({
    type: GENL_ID_CTRL,
    payload: encodeGenericPayload(message, CTRL_VERSION),
  });
  if (!reply.ok) {
    if (reply.errno !== ENOENT) return reply;
    const detail = `This kernel has no generic netlink family ${name}`;
    return { ok: false, code: 'FAMILY_ABSENT', detail };
  }
  const [answer] = reply.messages;
  if (answer === undefined) {
    return { ok: false, code: 'NO_REPLY', errno: EAGAIN, detail: `No answer about family ${name}` };
  }
  const family = decodeAttributes(decodeGenericPayload(answer.payload).attributes);
  return {
    ok: true,
    id: readU16(requireAttribute(family, CTRL_ATTR_FAMILY_ID, 'CTRL_ATTR_FAMILY_ID')),
    version: readU32(requireAttribute(family, CTRL_ATTR_VERSION, 'CTRL_ATTR_VERSION')),
  };
}

export type GenericNetlinkOutcome =
  | { readonly ok: true; readonly channel: GenericNetlink }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** A socket to one family. Synchronous; failures are outcomes, see NetlinkFailure for the codes. */
export class GenericNetlink {
  readonly #socket: NetlinkSocket;
  readonly #family: GenericFamily;

  private constructor(socket: NetlinkSocket, family: GenericFamily) {
    this.#socket = socket;
    this.#family = family;
  }

  /** FAMILY_ABSENT when the kernel does not have it. Throws SysError when no socket can be had. */
  static open(familyName: string): GenericNetlinkOutcome {
    const socket = NetlinkSocket.open(NETLINK_GENERIC);
    try {
      const family = resolveFamily(socket, familyName);
      if (family.ok) return { ok: true, channel: new GenericNetlink(socket, family) };
      socket.close();
      return { ok: false, code: family.code, detail: family.detail };
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** One command, acknowledged; with its answer if it has one. */
  request(command: number, attributes: Uint8Array, flags = 0): GenericReplyOutcome {
    return genericReply(this.#socket.request(this.#encode({ command, attributes }, flags)));
  }

  /** All answers to a dumping command; an empty table is an empty list. */
  dump(command: number, attributes: Uint8Array): GenericReplyOutcome {
    return genericReply(this.#socket.dump(this.#encode({ command, attributes }, 0)));
  }

  /**
   * Many commands, applied in order whatever fails; outcomes in the same order. Attributes are copied before
   * the next message is asked for.
   */
  batch(messages: GenericMessages): readonly AckOutcome[] {
    const { id: type, version } = this.#family;
    const heads = new Map<number, Uint8Array>();
    return this.#socket.batch({
      length: messages.length,
      at: (index) => {
        const message = messages.at(index);
        if (message === undefined) return undefined;
        const { command, attributes: payload } = message;
        const head = heads.get(command) ?? genericHeader(command, version);
        heads.set(command, head);
        return { type, head, payload };
      },
    });
  }

  close(): void {
    this.#socket.close();
  }

  #encode(message: GenericMessage, flags: number): NetlinkRequest {
    const payload = encodeGenericPayload(message, this.#family.version);
    return { type: this.#family.id, flags, payload };
  }
}

function genericReply(reply: ReplyOutcome): GenericReplyOutcome {
  if (!reply.ok) return reply;
  return { ok: true, messages: reply.messages.map(decodeMessage) };
}

function decodeMessage(message: NetlinkMessage): GenericMessage {
  return decodeGenericPayload(message.payload);
}
