import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { familyOfEndpoint } from '../../src/config/service-endpoints.ts';
import {
  decodeInfo,
  encodeDestinationDump,
  encodeOperations,
  type IpvsCommand,
} from '../../src/ipvs/codec.ts';
import { decodeDestination } from '../../src/ipvs/codec-destination.ts';
import { decodeService } from '../../src/ipvs/codec-service.ts';
import type { Operation } from '../../src/ipvs/plan.ts';
import type { Destination, Service } from '../../src/ipvs/types.ts';
import { arbitraryTable, server, service } from './tables.ts';

/** Hex words, with a remark after # on each line. */
function hex(text: string): string {
  return text.replace(/#.*$/gm, '').replace(/\s+/g, '');
}

function bytes(text: string): Uint8Array {
  return Buffer.from(hex(text), 'hex');
}

const web = service('10.50.0.1', 80, [], { scheduler: 'wrr', flags: 1, timeoutS: 300 });
const reason = 'test';

function encodeOperation(operation: Operation): IpvsCommand {
  const [command] = encoded([operation]);
  if (command === undefined) throw new Error('One operation is one command');
  return command;
}

/** Each is good until the next is asked for: copies. */
function encoded(operations: readonly Operation[]): readonly IpvsCommand[] {
  const commands = encodeOperations(operations);
  return operations.map((_, index) => {
    const command = commands.at(index);
    if (command === undefined) throw new Error('Each operation is a command');
    return { ...command, attributes: command.attributes.slice() };
  });
}

/** The key of tcp 10.50.0.1:80, as linux/ip_vs.h draws it (little endian machine). */
const WEB_KEY = `
  0600 0100 0200 0000                         # AF 2
  0600 0200 0600 0000                         # PROTOCOL 6
  1400 0300 0a320001 00000000 00000000 00000000 # ADDR 10.50.0.1
  0600 0400 0050 0000                         # PORT 80, big endian
`;

const WEB_FULL = `${WEB_KEY}
  0800 0600 77727200                          # SCHED_NAME wrr
  0c00 0700 01000000 ffffffff                 # FLAGS persistent, mask
  0800 0800 2c010000                          # TIMEOUT 300
  0800 0900 ffffffff                          # NETMASK /32
`;

const SERVER_KEY = `
  1400 0100 20010db8 00000000 00000000 00000001 # ADDR 2001:db8::1
  0600 0200 1f90 0000                         # PORT 8080, big endian
  0600 0b00 0a00 0000                         # ADDR_FAMILY 10
`;

const SERVER_FULL = `${SERVER_KEY}
  0800 0300 02000000                          # FWD_METHOD tunnel
  0800 0400 03000000                          # WEIGHT 3
  0800 0500 64000000                          # U_THRESH 100
  0800 0600 32000000                          # L_THRESH 50
`;

const tunnel = server('2001:db8::1', 8080, {
  forwardingMethod: 'tunnel',
  weight: 3,
  upperThreshold: 100,
  lowerThreshold: 50,
});

describe('an operation as bytes', () => {
  const rows: [string, Operation, number, string][] = [
    ['NEW_SERVICE', { kind: 'addService', service: web, reason }, 1, `5400 0180 ${WEB_FULL}`],
    ['SET_SERVICE', { kind: 'editService', service: web, reason }, 2, `5400 0180 ${WEB_FULL}`],
    ['DEL_SERVICE', { kind: 'deleteService', service: web, reason }, 3, `3000 0180 ${WEB_KEY}`],
    [
      'NEW_DEST',
      { kind: 'addServer', service: web, destination: tunnel, reason },
      5,
      `3000 0180 ${WEB_KEY} 4800 0280 ${SERVER_FULL}`,
    ],
    [
      'SET_DEST',
      { kind: 'lowerWeight', service: web, destination: tunnel, reason },
      6,
      `3000 0180 ${WEB_KEY} 4800 0280 ${SERVER_FULL}`,
    ],
    [
      'DEL_DEST',
      { kind: 'deleteServer', service: web, destination: tunnel, reason },
      7,
      `3000 0180 ${WEB_KEY} 2800 0280 ${SERVER_KEY}`,
    ],
  ];
  test.each(rows)('%s', (_name, operation, command, expected) => {
    const encoded = encodeOperation(operation);
    expect(encoded.command).toBe(command);
    expect(Buffer.from(encoded.attributes).toString('hex')).toBe(hex(expected));
  });

  test('several of one service each carry its key', () => {
    const alike = encoded([
      { kind: 'addServer', service: web, destination: tunnel, reason },
      { kind: 'deleteServer', service: web, destination: tunnel, reason },
    ]);
    expect(alike.map(({ attributes }) => Buffer.from(attributes).toString('hex'))).toEqual([
      hex(`3000 0180 ${WEB_KEY} 4800 0280 ${SERVER_FULL}`),
      hex(`3000 0180 ${WEB_KEY} 2800 0280 ${SERVER_KEY}`),
    ]);
  });

  test('GET_DEST asks by the key of its service', () => {
    const { command, attributes } = encodeDestinationDump(web);
    expect(command).toBe(8);
    expect(Buffer.from(attributes).toString('hex')).toBe(hex(`3000 0180 ${WEB_KEY}`));
  });
});

describe('a dumped message', () => {
  test('of a service is the service, without the flag that only the kernel sets', () => {
    const dumped = WEB_FULL.replace('01000000 ffffffff', '03000000 ffffffff');
    expect(decodeService(bytes(`5400 0180 ${dumped}`))).toEqual({ ok: true, value: web });
  });

  test('of a destination is the destination and what the kernel counts', () => {
    const counted = `
      0800 0700 05000000  # ACTIVE_CONNS 5
      0800 0800 07000000  # INACT_CONNS 7
      4000 0c80           # STATS64
        0c00 0100 0900000000000000
        0c00 0200 0800000000000000
        0c00 0300 0700000000000000
        0c00 0400 0000000001000000
        0c00 0500 0500000000000000
    `;
    expect(decodeDestination(bytes(`9800 0280 ${SERVER_FULL} ${counted}`), 'inet')).toEqual({
      ok: true,
      value: {
        destination: tunnel,
        status: {
          activeConnections: 5,
          inactiveConnections: 7,
          persistentConnections: 0,
          counters: {
            connections: 9,
            inPackets: 8,
            outPackets: 7,
            inBytes: 2 ** 32,
            outBytes: 5,
          },
        },
      },
    });
  });

  test('of a destination without a family has the family of its service', () => {
    const old = `
      1400 0100 0a000001 00000000 00000000 00000000
      0600 0200 0050 0000
      0800 0300 00000000  0800 0400 01000000  0800 0500 00000000
      0800 0600 00000000  0800 0700 00000000  0800 0800 00000000
    `;
    expect(decodeDestination(bytes(`5000 0280 ${old}`), 'inet')).toMatchObject({
      ok: true,
      value: { destination: server('10.0.0.1', 80, { forwardingMethod: 'masq' }) },
    });
  });

  test('of the information has the version and the size of the connection table', () => {
    expect(decodeInfo(bytes('0800 0100 01020100  0800 0200 00100000'))).toEqual({
      ok: true,
      value: { version: '1.2.1', connectionTableSize: 4096 },
    });
  });

  const rows: [string, string, string, string][] = [
    ['protocol 51', '1400 0180 0600 0100 0200 0000 0600 0200 3300 0000', 'FOREIGN_KIND', '51'],
    ['family 7', '0c00 0180 0600 0100 0700 0000', 'UNKNOWN_FAMILY', 'family 7'],
    ['no family', '0400 0180', 'ATTRIBUTE_MISSING', 'AF'],
    ['no service', '0400 0280', 'ATTRIBUTE_MISSING', 'SERVICE'],
    ['nothing', '', 'ATTRIBUTE_MISSING', 'SERVICE'],
    [
      'a short address',
      '1c00 0180 0600 0100 0200 0000 0600 0200 0600 0000 0600 0300 0a32 0000',
      'ATTRIBUTE_SHORT',
      'ADDR has 2 bytes, expected at least 4',
    ],
  ];
  test.each(rows)('of a service with %s is a refusal that says so', (_title, text, code, why) => {
    const decoded = decodeService(bytes(text));
    expect(decoded).toMatchObject({ ok: false, code });
    expect(decoded.ok ? '' : decoded.detail).toContain(why);
  });

  test('of a destination with an unknown forwarding method is a refusal', () => {
    const strange = `${SERVER_FULL.replace('0300 02000000', '0300 06000000')}
      0800 0700 00000000 0800 0800 00000000`;
    expect(decodeDestination(bytes(`5800 0280 ${strange}`), 'inet6')).toMatchObject({
      ok: false,
      code: 'FOREIGN_KIND',
    });
  });

  test('cut anywhere is a refusal, never a throw', () => {
    const whole = bytes(`5400 0180 ${WEB_FULL}`);
    for (let length = 0; length < whole.length; length += 1) {
      expect(decodeService(whole.subarray(0, length)).ok).toBe(false);
    }
  });

  test('of any bytes is an outcome, never a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(decodeService(noise)).toHaveProperty('ok');
        expect(decodeDestination(noise, 'inet')).toHaveProperty('ok');
        expect(decodeInfo(noise)).toHaveProperty('ok');
      }),
    );
  });
});

test('what is encoded is decoded to the same, with every field', () => {
  fc.assert(
    fc.property(arbitraryTable, (tables) => {
      for (const each of tables.values()) {
        expect(throughService(each)).toEqual({ ...each, destinations: [] });
        for (const destination of each.destinations) {
          expect(throughServer(each, destination)).toEqual(destination);
        }
      }
    }),
  );
});

test('of many operations each is encoded as it is by itself', () => {
  const kinds = fc.constantFrom('addServer', 'editServer', 'raiseWeight', 'deleteServer');
  fc.assert(
    fc.property(
      arbitraryTable,
      fc.array(kinds, { minLength: 8, maxLength: 8 }),
      (tables, chosen) => {
        const operations = [...tables.values()].flatMap((each): Operation[] => [
          { kind: 'addService', service: each, reason },
          ...[...each.destinations, ...each.destinations].map((destination, index) => {
            const kind = chosen[index % chosen.length] ?? 'addServer';
            return { kind, service: each, destination, reason };
          }),
        ]);
        expect(encoded(operations)).toEqual(operations.map(encodeOperation));
      },
    ),
  );
});

test('an IPv4 netmask is in network order', () => {
  const granular = service('10.50.0.1', 80, [], { netmask: 0xffffff00 });
  const encoded = encodeOperation({ kind: 'addService', service: granular, reason });
  expect(Buffer.from(encoded.attributes).toString('hex')).toContain('08000900ffffff00');
  expect(throughService(granular)).toEqual(granular);
});

function throughService(each: Service): unknown {
  const decoded = decodeService(
    encodeOperation({ kind: 'addService', service: each, reason }).attributes,
  );
  return decoded.ok ? decoded.value : decoded;
}

/** A dump also has the connection counts: two attributes more inside DEST. */
function throughServer(each: Service, destination: Destination): unknown {
  const { attributes } = encodeOperation({ kind: 'addServer', service: each, destination, reason });
  const counts = bytes('0800 0700 00000000 0800 0800 00000000');
  const dumped = Buffer.concat([attributes, counts]);
  const serviceLength = dumped.readUInt16LE(0);
  dumped.writeUInt16LE(dumped.readUInt16LE(serviceLength) + counts.length, serviceLength);
  const decoded = decodeDestination(dumped, familyOfEndpoint(each));
  return decoded.ok ? decoded.value.destination : decoded;
}
