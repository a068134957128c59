/**
 * The servers of health-timeline-program.ts, and what can be turned at each: one that stops listening, says
 * something else or falls silent. All at port 80 of an address of their own, those of UDP too.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';

/** Everything that can be turned, each to one of its positions; the first is where it starts. */
export interface Knob {
  readonly subject: string;
  readonly positions: readonly string[];
  /** Whoever is interested is told of a turn at once. */
  readonly isTold?: boolean;
  turn(position: string): Promise<void> | void;
}

/** What a knob is of: the name for the report, and the address. */
export interface Place {
  readonly subject: string;
  readonly address: string;
}

const PORT = 80;

/** The datagram that `answeringDatagrams` takes for a request, and what it says to it, in hex as in the file. */
export const UDP_REQUEST = { payload: '70696E67', reply: '706F6E67' } as const;

/** A server that can be made to stop listening. */
interface Listener {
  open(): Promise<void>;
  close(): void;
}

function streamListener(address: string, make: () => Server): Listener {
  let server: Server | undefined;
  return {
    open: () =>
      new Promise((resolve) => {
        server = make();
        server.listen(PORT, address, () => resolve());
      }),
    close: () => void server?.close(),
  };
}

/** Without its socket the kernel answers with ICMP port unreachable. */
function datagramListener(
  address: string,
  reply: (request: Buffer) => Uint8Array | undefined,
): Listener {
  let socket: DatagramSocket | undefined;
  return {
    open: () =>
      new Promise((resolve) => {
        const opened = createSocket('udp4', (request, from) => {
          const bytes = reply(request);
          if (bytes !== undefined) opened.send(bytes, from.port, from.address);
        });
        socket = opened;
        // Who asked may have closed his port since.
        opened.on('error', () => {});
        opened.bind(PORT, address, () => resolve());
      }),
    close: () => void socket?.close(),
  };
}

/** `is gone` closes, `listens` opens, and whatever else is what `say` makes of it. */
function turned(
  { subject }: Place,
  listener: Listener,
  positions: readonly string[],
  say: (position: string) => void = () => {},
): Knob {
  let isOpen = false;
  return {
    subject,
    positions,
    turn: async (position) => {
      const isWanted = position !== 'is gone';
      say(position);
      if (isWanted && !isOpen) await listener.open();
      if (!isWanted && isOpen) listener.close();
      isOpen = isWanted;
    },
  };
}

function plainServer(): Server {
  return createServer((socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.on('end', () => socket.end());
  });
}

/** Accepts, and that is all. */
export function listening(
  place: Place,
  positions: readonly string[] = ['listens', 'is gone'],
): Knob {
  return turned(place, streamListener(place.address, plainServer), positions);
}

/** The same without a knob. */
export function stayOpen({ address }: Place): Promise<void> {
  return streamListener(address, plainServer).open();
}

/** A page whose status or text changes; `usual` is its text when the position is a status. */
export function page(place: Place, positions: readonly string[], usual: string): Knob {
  let now = '';
  const make = (): Server =>
    createWebServer((_request, response) => {
      const status = Number(now);
      response.statusCode = Number.isNaN(status) ? 200 : status;
      response.end(Number.isNaN(status) ? now : usual);
    });
  return turned(place, streamListener(place.address, make), positions, (position) => {
    now = position;
  });
}

/** SMTP: `listens` greets and answers, `refuses` greets with 554, `hangs up` says nothing. */
export function greeting(place: Place, positions: readonly string[]): Knob {
  let now = '';
  const make = (): Server =>
    createServer((socket) => {
      socket.on('error', () => socket.destroy());
      if (now !== 'listens') {
        socket.end(now === 'refuses' ? '554 not now\r\n' : '');
        return;
      }
      socket.write('220 lab\r\n');
      socket.on('data', (line) => {
        if (String(line).startsWith('QUIT')) socket.end('221 bye\r\n');
        else socket.write('250 lab\r\n');
      });
    });
  return turned(place, streamListener(place.address, make), positions, (position) => {
    now = position;
  });
}

/** UDP: `listens` answers the request, `answers otherwise` with something else, `is silent` not at all. */
export function answeringDatagrams(place: Place, positions: readonly string[]): Knob {
  let now = '';
  const reply = (): Uint8Array | undefined => {
    if (now === 'is silent') return undefined;
    return Buffer.from(now === 'listens' ? UDP_REQUEST.reply : UDP_REQUEST.payload, 'hex');
  };
  return turned(place, datagramListener(place.address, reply), positions, (position) => {
    now = position;
  });
}

/** RFC 1035 section 4.1.1: QR in the third byte, the response code in the low half of the fourth. */
const RESPONSE = 0x80;
const RCODES: Readonly<Record<string, number>> = { listens: 0, SERVFAIL: 2, NXDOMAIN: 3 };

/** DNS: the query with the response bit and a response code, and no record; nothing when silent. */
export function answeringNames(place: Place, positions: readonly string[]): Knob {
  let now = '';
  const reply = (query: Buffer): Uint8Array | undefined => {
    const rcode = RCODES[now];
    if (rcode === undefined) return undefined;
    const response = Buffer.from(query);
    response.writeUInt8(query.readUInt8(2) | RESPONSE, 2);
    response.writeUInt8(rcode, 3);
    return response;
  };
  return turned(place, datagramListener(place.address, reply), positions, (position) => {
    now = position;
  });
}

/** The whole kernel answers echo requests or does not: fit for one server only. */
export function answeringPings({ subject }: Place): Knob {
  return {
    subject,
    positions: ['answers', 'is silent'],
    turn: (position) =>
      writeFileSync('/proc/sys/net/ipv4/icmp_echo_ignore_all', position === 'answers' ? '0' : '1'),
  };
}

/** A file whose text changes: inotify tells of it, a script that reads it does not know. */
export function written(
  subject: string,
  path: string,
  positions: readonly string[],
  isTold = false,
): Knob {
  return { subject, positions, isTold, turn: (text) => writeFileSync(path, `${text}\n`) };
}
