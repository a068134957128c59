/**
 * DSR_CHECK: asks for the virtual address at the MAC of the server, as the director does with a client's
 * packet, and passes when the server itself answers as the virtual address. That is true only where the
 * address is on its loopback, a program listens, and the reply finds its way.
 *
 *   way to the server -> its MAC -> SYN to VIP:port, at that MAC -> SYN-ACK from VIP:port, from that MAC -> RST
 */
import { randomInt } from 'node:crypto';
import { formatEndpoint } from '../base/address.ts';
import type { DsrCheckConfig } from '../config/model.ts';
import { openPeer } from '../kernel/connected-datagram.ts';
import { type CookedPackets, openCookedPackets } from '../kernel/cooked-packets.ts';
import { neighbourMac, type Way, wayTo } from '../kernel/neighbours.ts';
import type { Probe, ProbeIo, ProbeResult, ProbeVerdict } from './probe.ts';
import { connectFailure } from './socket-error.ts';
import { decodeSegment, encodeSegment, FLAGS, type TcpSegment } from './tcp-segment.ts';

/** Ephemeral ports, above what the kernel chooses by default from. */
const PORT_MIN = 61_000;
const PORT_END = 65_536;
const SEQUENCE_END = 2 ** 32;
/** The kernel is asked for the MAC as often: first after so long, then after twice as long each time. */
const LOOK_AGAIN_MS = 2;
const LOOK_AGAIN_MAX_MS = 200;
/** A lost SYN is repeated, as TCP does (RFC 6298 2.1). */
const REPEAT_MS = 1000;
/** RFC 863: whatever is sent there, the kernel must know the MAC for it. */
const DISCARD_PORT = 9;

export const probeDsr: Probe<DsrCheckConfig> = (target, io) => new Inquiry(target, io).result;

class Inquiry {
  readonly result: Promise<ProbeResult>;
  readonly #target: DsrCheckConfig;
  readonly #io: ProbeIo;
  readonly #startedMs: number;
  readonly #port = randomInt(PORT_MIN, PORT_END);
  readonly #sequence = randomInt(SEQUENCE_END);
  #resolve: ((result: ProbeResult) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #packets: CookedPackets | undefined;
  #silence: ProbeVerdict;

  constructor(target: DsrCheckConfig, io: ProbeIo) {
    this.#target = target;
    this.#io = io;
    this.#startedMs = io.clock.monotonicMs();
    this.#silence = this.#noNeighbour('its MAC is not known: nobody answers for its address');
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (io.signal.aborted) {
      this.#onAbort();
      return;
    }
    io.signal.addEventListener('abort', this.#onAbort);
    this.#guarded(() => this.#begin());
  }

  readonly #onAbort = (): void => this.#settle(this.#silence);

  #begin(): void {
    const { connectAddress } = this.#target;
    const way = wayTo(connectAddress, this.#target);
    if (!way.ok) {
      this.#settle(this.#noNeighbour(`no way to it: ${way.detail}`));
    } else if (way.gateway !== undefined) {
      const why = `it is behind the router ${way.gateway.text}, and DR needs it on the director's segment`;
      this.#settle(this.#noNeighbour(why));
    } else if (neighbourMac(way.ifindex, connectAddress) === undefined) {
      this.#wakeNeighbour();
      this.#lookFor(way, LOOK_AGAIN_MS);
    } else {
      this.#lookFor(way, 0);
    }
  }

  /** Any datagram makes the kernel ask for the MAC, by ARP or neighbor discovery. */
  #wakeNeighbour(): void {
    const target = { ...this.#target, connectPort: DISCARD_PORT };
    const peer = openPeer({ protocol: 'udp', target, onDatagram() {}, onError() {} });
    try {
      peer.send(new Uint8Array(0));
    } finally {
      peer.close();
    }
  }

  #lookFor(way: Way, delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#guarded(() => {
        const mac = neighbourMac(way.ifindex, this.#target.connectAddress);
        if (mac === undefined) this.#lookFor(way, Math.min(delayMs * 2, LOOK_AGAIN_MAX_MS));
        else this.#ask(way, mac);
      });
    }, delayMs);
  }

  #ask(way: Way, mac: Uint8Array): void {
    const { virtualAddress, connectPort, connectAddress } = this.#target;
    const virtual = formatEndpoint(virtualAddress, connectPort);
    const server = `${connectAddress.text} (${formatMac(mac)})`;
    this.#silence = {
      kind: 'fail',
      reason: 'NO_ANSWER',
      detail: `${server} does not answer as ${virtual}: is the address on its loopback?`,
    };
    const syn: TcpSegment = {
      source: way.source,
      destination: virtualAddress,
      sourcePort: this.#port,
      destinationPort: connectPort,
      sequence: this.#sequence,
      acknowledgement: 0,
      flags: FLAGS.SYN,
    };
    const packets = openCookedPackets({
      ifindex: way.ifindex,
      from: virtualAddress,
      onPacket: (packet, from) => {
        const segment = decodeSegment(virtualAddress.family, packet);
        if (segment === undefined || !this.#isReply(segment, way)) return;
        if ((segment.flags & FLAGS.RST) === 0) packets.send(encodeSegment(resetOf(syn)), from);
        this.#settle(judgeReply(segment, from, { mac, server, virtual }));
      },
      onError: (error) => this.#settle(connectFailure(error, this.#target)),
    });
    this.#packets = packets;
    const send = (): void => {
      packets.send(encodeSegment(syn), mac);
      this.#timer = setTimeout(() => this.#guarded(send), REPEAT_MS);
    };
    send();
  }

  /** It answers this very SYN: anybody can send a segment, but not guess port and sequence. */
  #isReply(segment: TcpSegment, way: Way): boolean {
    return (
      segment.sourcePort === this.#target.connectPort &&
      segment.destinationPort === this.#port &&
      segment.destination.text === way.source.text &&
      (segment.flags & FLAGS.ACK) !== 0 &&
      segment.acknowledgement === next(this.#sequence)
    );
  }

  #noNeighbour(why: string): ProbeVerdict {
    const detail = `${this.#target.connectAddress.text}: ${why}`;
    return { kind: 'fail', reason: 'NO_NEIGHBOUR', detail };
  }

  #guarded(work: () => void): void {
    if (this.#resolve === undefined) return;
    try {
      work();
    } catch (error) {
      this.#settle(connectFailure(error, this.#target));
    }
  }

  #settle(verdict: ProbeVerdict): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    this.#io.signal.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#timer);
    this.#packets?.close();
    resolve({ ...verdict, durationMs: this.#io.clock.monotonicMs() - this.#startedMs });
  }
}

function judgeReply(
  { flags }: TcpSegment,
  from: Uint8Array,
  {
    mac,
    server,
    virtual,
  }: { readonly mac: Uint8Array; readonly server: string; readonly virtual: string },
): ProbeVerdict {
  if (!Buffer.from(mac).equals(from)) {
    const detail = `what was sent to ${server} for ${virtual} was answered by ${formatMac(from)}: the server hands it on instead of taking it`;
    return { kind: 'fail', reason: 'ANSWERED_BY_OTHER_MAC', detail };
  }
  if ((flags & FLAGS.RST) !== 0) {
    const detail = `${server} has the address, but nobody listens on ${virtual}`;
    return { kind: 'fail', reason: 'RESET', detail };
  }
  return { kind: 'pass', detail: `${server} answers as ${virtual}` };
}

function resetOf(syn: TcpSegment): TcpSegment {
  return { ...syn, sequence: next(syn.sequence), flags: FLAGS.RST };
}

function next(sequence: number): number {
  return (sequence + 1) % SEQUENCE_END;
}

function formatMac(mac: Uint8Array): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
