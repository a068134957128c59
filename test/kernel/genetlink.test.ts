import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeGenericPayload, GenericNetlink, resolveFamily } from '../../src/kernel/genetlink.ts';
import {
  AttributeWriter,
  decodeAttributes,
  NETLINK_GENERIC,
  readString,
} from '../../src/kernel/netlink.ts';
import { NetlinkSocket } from '../../src/kernel/netlink-socket.ts';

/** The controller itself (linux/genetlink.h): there in every kernel, and it answers anybody. */
const CONTROLLER = 'nlctrl';
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_NAME = 2;
const UNKNOWN_COMMAND = 99;

const named = (name: string): Uint8Array =>
  new AttributeWriter().string(CTRL_ATTR_FAMILY_NAME, name).finish();

describe('a family of generic netlink', () => {
  test('that exists is resolved to its number', () => {
    const socket = NetlinkSocket.open(NETLINK_GENERIC);
    expect(resolveFamily(socket, CONTROLLER)).toEqual({ ok: true, id: 0x10, version: 2 });
    socket.close();
  });

  test('that is absent is a value, not an exception', () => {
    const socket = NetlinkSocket.open(NETLINK_GENERIC);
    expect(resolveFamily(socket, 'lvsd-absent')).toEqual({
      ok: false,
      code: 'FAMILY_ABSENT',
      detail: 'This kernel has no generic netlink family lvsd-absent',
    });
    socket.close();
    expect(GenericNetlink.open('lvsd-absent')).toMatchObject({ ok: false, code: 'FAMILY_ABSENT' });
  });

  test('with a name longer than any family has is refused', () => {
    const outcome = GenericNetlink.open('a-name-of-more-than-sixteen-bytes');
    expect(outcome).toMatchObject({ ok: false, code: 'EINVAL' });
  });

  test('sends no payload shorter than its header', () => {
    expect(() => decodeGenericPayload(Uint8Array.from([1, 2, 0]))).toThrow(
      'A generic netlink header has 4 bytes, found 3',
    );
  });
});

describe('a channel to a family', () => {
  let channel: GenericNetlink;

  beforeEach(() => {
    const outcome = GenericNetlink.open(CONTROLLER);
    if (!outcome.ok) throw new Error(outcome.detail);
    channel = outcome.channel;
  });

  afterEach(() => channel.close());

  test('answers a request', () => {
    const reply = channel.request(CTRL_CMD_GETFAMILY, named(CONTROLLER));
    const [answer] = reply.ok ? reply.messages : [];
    const name = decodeAttributes(answer?.attributes ?? new Uint8Array()).get(
      CTRL_ATTR_FAMILY_NAME,
    );
    expect(readString(name ?? new Uint8Array())).toBe(CONTROLLER);
  });

  test('puts a refusal into the words of the kernel', () => {
    const wrongType = new AttributeWriter().u8(CTRL_ATTR_FAMILY_NAME, 1).finish();
    expect(channel.request(CTRL_CMD_GETFAMILY, wrongType)).toMatchObject({
      ok: false,
      code: 'EINVAL',
      detail: expect.stringContaining('at byte 20 of the request'),
    });
  });

  test('dumps all there is, whatever the parts it comes in', () => {
    const reply = channel.dump(CTRL_CMD_GETFAMILY, new Uint8Array());
    const messages = reply.ok ? reply.messages : [];
    const names = messages.map(({ attributes }) =>
      readString(decodeAttributes(attributes).get(CTRL_ATTR_FAMILY_NAME) ?? new Uint8Array()),
    );
    expect(names).toContain(CONTROLLER);
    expect(new Set(names).size).toBe(names.length);
  });

  test('refuses to dump what cannot be dumped', () => {
    const reply = channel.dump(UNKNOWN_COMMAND, new Uint8Array());
    expect(reply).toMatchObject({ ok: false, code: 'EOPNOTSUPP' });
  });

  test('tells which messages of a batch failed, also the last one', () => {
    const outcomes = channel.batch([
      { command: UNKNOWN_COMMAND, attributes: new Uint8Array() },
      { command: CTRL_CMD_GETFAMILY, attributes: named(CONTROLLER) },
      { command: CTRL_CMD_GETFAMILY, attributes: named('lvsd-absent') },
    ]);
    expect(outcomes).toMatchObject([
      { ok: false, code: 'EOPNOTSUPP', errno: 95 },
      { ok: true },
      { ok: false, code: 'ENOENT', errno: 2 },
    ]);
  });

  test('takes a batch longer than one send can be', () => {
    const good = { command: CTRL_CMD_GETFAMILY, attributes: named(CONTROLLER) };
    const bad = { command: UNKNOWN_COMMAND, attributes: new Uint8Array() };
    const batch = Array.from({ length: 2500 }, (_, index) => (index % 500 === 499 ? bad : good));
    const failed = channel.batch(batch).flatMap((outcome, index) => (outcome.ok ? [] : [index]));
    expect(failed).toEqual([499, 999, 1499, 1999, 2499]);
  });

  test('has no outcomes for no messages', () => {
    expect(channel.batch([])).toEqual([]);
  });

  test('works on after a failure', () => {
    channel.request(UNKNOWN_COMMAND, new Uint8Array());
    expect(channel.request(CTRL_CMD_GETFAMILY, named(CONTROLLER)).ok).toBe(true);
  });
});
