/**
 * Listens to what hosts on a link say about who has which address: ARP, or ICMPv6 neighbor
 * advertisements. The kernel hands over nothing else, and nothing that this host sent itself.
 */
import * as libc from './libc.ts';
import { addressOf, SysError } from './libc.ts';
import {
  AF_PACKET,
  SO_ATTACH_FILTER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from './linux.ts';
import { IncomingMessage } from './message-header.ts';
import { watchReadable } from './poller.ts';
import { packSockaddrLl } from './sockaddr.ts';

export interface PacketListenerOptions {
  readonly ifindex: number;
  /** inet: every ARP packet; inet6: neighbor advertisements. */
  readonly family: 'inet' | 'inet6';
  /** A whole Ethernet frame; aliases the receive buffer. May close the listener. */
  readonly onFrame: (frame: Uint8Array) => void;
  /** A receive that failed (the link went down); the listener goes on. */
  readonly onError: (error: SysError) => void;
}

export interface PacketListener {
  close(): void;
}

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const FRAME_BYTES_MAX = 2048;
/** Frames per turn of the event loop: a flood must not keep timers from running. */
const TURN_FRAMES_MAX = 64;
const NO_MAC = new Uint8Array(6);

const BPF_LD_BYTE_ABSOLUTE = 0x30;
const BPF_JEQ = 0x15;
const BPF_RET = 0x06;
const BPF_INSTRUCTION_LENGTH = 8;
const SOCK_FPROG_LENGTH = 16;

/**
 * Next header ICMPv6 (58), type neighbor advertisement (136): [code, jump if true, if false, operand]
 * of struct sock_filter, linux/filter.h.
 */
const ADVERTISEMENTS_ONLY = [
  [BPF_LD_BYTE_ABSOLUTE, 0, 0, 20],
  [BPF_JEQ, 0, 3, 58],
  [BPF_LD_BYTE_ABSOLUTE, 0, 0, 54],
  [BPF_JEQ, 0, 1, 136],
  [BPF_RET, 0, 0, FRAME_BYTES_MAX],
  [BPF_RET, 0, 0, 0],
] as const;

/** Needs CAP_NET_RAW. Throws SysError. */
export function openPacketListener(options: PacketListenerOptions): PacketListener {
  const { family, ifindex } = options;
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  // Protocol 0 receives nothing: the filter is there before the first frame.
  const fd = libc.socket(AF_PACKET, type, 0, 'AF_PACKET');
  try {
    if (family === 'inet6') attachFilter(fd, ADVERTISEMENTS_ONLY);
    const etherType = family === 'inet' ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
    libc.bind(fd, packSockaddrLl(ifindex, etherType, NO_MAC));
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  const incoming = new IncomingMessage({ payload: FRAME_BYTES_MAX, name: 0, control: 0 });
  let isOpen = true;
  const watch = watchReadable(fd, () => {
    for (let count = 0; count < TURN_FRAMES_MAX && isOpen; count++) {
      try {
        if (!incoming.receive(fd)) return;
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        options.onError(error);
        return;
      }
      options.onFrame(incoming.payload);
    }
  });
  return {
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      watch.close();
      libc.close(fd);
    },
  };
}

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** struct sock_fprog: u16 instructions, 6 bytes of padding, pointer to them. */
function attachFilter(fd: number, instructions: readonly Instruction[]): void {
  const program = Buffer.allocUnsafeSlow(instructions.length * BPF_INSTRUCTION_LENGTH);
  for (const [index, [code, ifTrue, ifFalse, operand]] of instructions.entries()) {
    const at = index * BPF_INSTRUCTION_LENGTH;
    program.writeUInt16LE(code, at);
    program.writeUInt8(ifTrue, at + 2);
    program.writeUInt8(ifFalse, at + 3);
    program.writeUInt32LE(operand, at + 4);
  }
  const value = Buffer.alloc(SOCK_FPROG_LENGTH);
  value.writeUInt16LE(instructions.length, 0);
  value.writeBigUInt64LE(addressOf(program), 8);
  libc.setsockopt(fd, {
    level: SOL_SOCKET,
    name: SO_ATTACH_FILTER,
    value,
    label: 'SO_ATTACH_FILTER',
  });
}
