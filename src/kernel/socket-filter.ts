/**
 * Classic BPF on a socket (linux/filter.h): what a program refuses is dropped in the kernel, before it
 * wakes anybody or fills the receive buffer. Offsets count from the first byte that the socket would
 * read; numbers of more than a byte are read in network order.
 */
import { addressBytes, type IpAddress } from '../base/address.ts';
import { addressOf, setsockopt } from './libc.ts';
import { IPPROTO_TCP, SO_ATTACH_FILTER, SOL_SOCKET } from './linux.ts';

/** struct sock_filter; jumps count instructions after the next one. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const BPF_LD_BYTE_ABSOLUTE = 0x30;
const BPF_LD_WORD_ABSOLUTE = 0x20;
const BPF_JEQ_CONSTANT = 0x15;
const BPF_RETURN_CONSTANT = 0x06;
const BPF_INSTRUCTION_LENGTH = 8;
const SOCK_FPROG_LENGTH = 16;
/** More bytes than any packet has. */
const WHOLE = 0xffff_ffff;

export function loadByte(offset: number): Instruction {
  return [BPF_LD_BYTE_ABSOLUTE, 0, 0, offset];
}

export function loadWord(offset: number): Instruction {
  return [BPF_LD_WORD_ABSOLUTE, 0, 0, offset];
}

export function jumpIfEqual(value: number, ifTrue: number, ifFalse: number): Instruction {
  return [BPF_JEQ_CONSTANT, ifTrue, ifFalse, value];
}

export const ACCEPT: Instruction = [BPF_RETURN_CONSTANT, 0, 0, WHOLE];
export const REFUSE: Instruction = [BPF_RETURN_CONSTANT, 0, 0, 0];

/** Where the IP headers have the protocol and the source (RFC 791 3.1, RFC 8200 3). */
const PLACES = {
  inet: { protocol: 9, source: 12 },
  inet6: { protocol: 6, source: 8 },
} as const;

/** TCP over IP from one address; for a socket that reads from the IP header on. */
export function tcpFrom(address: IpAddress): readonly Instruction[] {
  const place = PLACES[address.family];
  const bytes = Buffer.from(addressBytes(address));
  const tests: (readonly [load: Instruction, value: number])[] = [
    [loadByte(place.protocol), IPPROTO_TCP],
  ];
  for (let at = 0; at < bytes.length; at += 4) {
    tests.push([loadWord(place.source + at), bytes.readUInt32BE(at)]);
  }
  const program = tests.flatMap(([load, value], index) => {
    // To REFUSE, which stands behind ACCEPT at the end.
    const toRefuse = (tests.length - 1 - index) * 2 + 1;
    return [load, jumpIfEqual(value, 0, toRefuse)];
  });
  return [...program, ACCEPT, REFUSE];
}

/** Needs no privileges; the kernel copies the program. Throws SysError. */
export function attachFilter(fd: number, instructions: readonly Instruction[]): void {
  const program = Buffer.allocUnsafeSlow(instructions.length * BPF_INSTRUCTION_LENGTH);
  for (const [index, [code, ifTrue, ifFalse, operand]] of instructions.entries()) {
    const at = index * BPF_INSTRUCTION_LENGTH;
    program.writeUInt16LE(code, at);
    program.writeUInt8(ifTrue, at + 2);
    program.writeUInt8(ifFalse, at + 3);
    program.writeUInt32LE(operand, at + 4);
  }
  // struct sock_fprog: u16 instructions, 6 bytes of padding, pointer to them.
  const value = Buffer.alloc(SOCK_FPROG_LENGTH);
  value.writeUInt16LE(instructions.length, 0);
  value.writeBigUInt64LE(addressOf(program), 8);
  const label = 'SO_ATTACH_FILTER';
  setsockopt(fd, { level: SOL_SOCKET, name: SO_ATTACH_FILTER, value, label });
}
