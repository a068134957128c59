/** HPACK against all examples of RFC 7541, appendix C, and against blocks that are wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFields, HpackDecoder, type HpackField } from '../../src/health/hpack.ts';

const LIMITS = { fields: 1000, listBytes: 65_536 };
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const fields = (text: string): HpackField[] =>
  text.split('\n').map((line) => {
    const at = line.indexOf(': ');
    return [line.slice(0, at), line.slice(at + 2)];
  });

function decode(block: Buffer, limits = LIMITS) {
  return new HpackDecoder().decode(block, limits);
}

const REQUESTS = [
  ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com',
  ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache',
  ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value',
];
const FROM =
  'cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com';
const REPLIES = [
  `:status: 302\n${FROM}`,
  `:status: 307\n${FROM}`,
  `:status: 200\n${FROM.replace(':21 GMT', ':22 GMT')}\ncontent-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1`,
];

/** Blocks of one connection, and the size of the dynamic table after each. */
const sequences: readonly (readonly [
  what: string,
  tableBytes: number,
  texts: readonly string[],
  blocks: readonly string[],
  sizes: readonly number[],
])[] = [
  [
    'C.3, requests',
    4096,
    REQUESTS,
    [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
    [57, 110, 164],
  ],
  [
    "C.4, requests in Huffman's code",
    4096,
    REQUESTS,
    [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      '828684be5886a8eb10649cbf',
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ],
    [57, 110, 164],
  ],
  [
    'C.5, replies',
    256,
    REPLIES,
    [
      '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
      '4803333037c1c0bf',
      '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
    ],
    [222, 222, 215],
  ],
  [
    "C.6, replies in Huffman's code",
    256,
    REPLIES,
    [
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      '4883640effc1c0bf',
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    ],
    [222, 222, 215],
  ],
];

describe('RFC 7541', () => {
  it.each(sequences)('%s', (_what, tableBytes, texts, blocks, sizes) => {
    const decoder = new HpackDecoder(tableBytes);
    const decoded = blocks.map((block) => {
      const outcome = decoder.decode(hex(block), LIMITS);
      return [outcome, decoder.tableBytes];
    });
    const wanted = texts.map((text, index) => [{ ok: true, fields: fields(text) }, sizes[index]]);
    expect(decoded).toEqual(wanted);
  });

  it.each([
    [
      'C.2.1',
      '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
      'custom-key: custom-header',
      55,
    ],
    ['C.2.2', '040c2f73616d706c652f70617468', ':path: /sample/path', 0],
    ['C.2.3', '100870617373776f726406736563726574', 'password: secret', 0],
    ['C.2.4', '82', ':method: GET', 0],
  ])('%s, one field', (_what, block, text, size) => {
    const decoder = new HpackDecoder();
    expect(decoder.decode(hex(block), LIMITS)).toEqual({ ok: true, fields: fields(text) });
    expect(decoder.tableBytes).toBe(size);
  });

  it('C.1.2, an integer of three octets', () => {
    const block = encodeFields([['x', 'y'.repeat(1337)]]);
    // 1337 in 7 bits: 127, then 1210.
    expect(block.subarray(3, 6)).toEqual(hex('7fba09'));
    expect(decode(block)).toEqual({ ok: true, fields: [['x', 'y'.repeat(1337)]] });
  });
});

describe('a block is refused', () => {
  it.each([
    ['index 0', '80'],
    ['an index of no field', 'be'],
    ['an index without end', 'ffffffffffffffffff'],
    ['an index that is too large', 'ffffffff7f'],
    ['a string that is not there', '0005'],
    ['a name without a value', '000161'],
    ['padding of zeros', '00016181 00'],
    ['padding of eight bits', '00016182 1fff'],
    ['the end of string in a string', '00016184 ffffffff'],
    ['a table that is too large', '3fe21f'],
    ['a size of the table after a field', '8820'],
  ])('that has %s', (_what, block) => {
    expect(decode(hex(block))).toMatchObject({ ok: false, error: 'COMPRESSION_ERROR' });
  });

  it('that has more than is allowed, however short it is', () => {
    expect(decode(Buffer.alloc(1001, 0x82))).toMatchObject({ error: 'ENHANCE_YOUR_CALM' });
    const long = Buffer.concat([
      hex('4001617fa11e'),
      Buffer.alloc(4000, 'x'),
      Buffer.alloc(20, 0xbe),
    ]);
    expect(decode(long)).toMatchObject({ ok: false, error: 'ENHANCE_YOUR_CALM' });
  });
});

describe('any block', () => {
  it('of bytes at random never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect([true, false]).toContain(decode(Buffer.from(bytes)).ok);
      }),
      { numRuns: 2000 },
    );
  });

  it('that was encoded is decoded to the same; secrets are never to be indexed', () => {
    const pair = fc.tuple(fc.stringMatching(/^[a-z-]{1,40}$/), fc.stringMatching(/^[ -~]{0,300}$/));
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 20 }), (list) => {
        expect(decode(encodeFields(list))).toEqual({ ok: true, fields: list });
      }),
    );
    expect(encodeFields([['authorization', 'x']])[0]).toBe(0x1f);
    expect(encodeFields([['accept', 'x']])[0]).toBe(0x0f);
  });
});
