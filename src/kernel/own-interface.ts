/**
 * Making and removing the device that an instance's addresses sit on (linux/if_link.h). Its alias says whose it is, so that a start knows what a dead predecessor left.
 *
 *     ifinfomsg, IFLA_LINK: parent, IFLA_IFNAME, IFLA_GROUP, and either
 *     IFLA_ADDRESS, IFLA_LINKINFO { IFLA_INFO_KIND "macvlan",
 *                                   IFLA_INFO_DATA { IFLA_MACVLAN_MODE private } }
 *     or            IFLA_LINKINFO { IFLA_INFO_KIND "ipvlan",
 *                                   IFLA_INFO_DATA { IFLA_IPVLAN_MODE L2, IFLA_IPVLAN_FLAGS } }
 *
 * Private, as keepalived makes it: in that mode a frame that comes from outside with our own virtual
 * MAC as its source (another router that thinks it is master) is still delivered to us.
 */
import {
  AttributeWriter,
  decodeAttributes,
  NetlinkFormatError,
  readString,
  readU32,
} from './netlink.ts';

/**
 * IFLA_IFALIAS of what lvsd makes, at most 255 bytes: the mark, and behind it what was changed around
 * the interface and what it was before: `lvsd arp_ignore=0 arp_filter=0`. It lives as long as the change.
 */
const OWN_ALIAS = 'lvsd';

export function isOwnAlias(alias: string): boolean {
  return alias.split(' ')[0] === OWN_ALIAS;
}

/** What an alias remembers; nothing of one that is not ours. */
export function valuesOfAlias(alias: string): ReadonlyMap<string, string> {
  if (!isOwnAlias(alias)) return new Map();
  const pairs = alias.split(' ').slice(1);
  return new Map(
    pairs.flatMap((pair): [string, string][] => {
      const [, key, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value]];
    }),
  );
}

const IFINFOMSG_LENGTH = 16;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE_PRIVATE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IPVLAN_MODE_L2 = 0;
/** Bridge is neither of the two flags. */
const IPVLAN_FLAGS: Readonly<Record<IpvlanMode, number>> = { bridge: 0, private: 1, vepa: 2 };
const AF_INET6 = 10;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const IFF_UP = 1;

export type IpvlanMode = 'bridge' | 'private' | 'vepa';

export interface OwnInterfaceSpec {
  /** At most 15 bytes. */
  readonly name: string;
  readonly parentIndex: number;
  /** Of a macvlan; an ipvlan has the MAC of its parent. */
  readonly kind:
    | { readonly name: 'macvlan'; readonly mac: Uint8Array }
    | { readonly name: 'ipvlan'; readonly mode: IpvlanMode };
  /** Interface group. */
  readonly group?: number;
}

/** What a link says of how it was made. */
export interface Ownership {
  readonly ifindex: number;
  readonly name: string;
  /** `macvlan`, …; empty for a device that is no such thing. */
  readonly kind: string;
  readonly parentIndex: number;
  readonly mac: Uint8Array;
  readonly alias: string;
  /** Interface it is enslaved to; 0 is none. */
  readonly masterIndex: number;
}

/** RTM_NEWLINK with CREATE and EXCL. */
export function encodeOwnInterface(spec: OwnInterfaceSpec): Uint8Array {
  const attributes = new AttributeWriter()
    .u32(IFLA_LINK, spec.parentIndex)
    .string(IFLA_IFNAME, spec.name);
  const { kind } = spec;
  if (kind.name === 'macvlan') attributes.bytes(IFLA_ADDRESS, kind.mac);
  if (spec.group !== undefined) attributes.u32(IFLA_GROUP, spec.group);
  attributes.nested(IFLA_LINKINFO, (info) => {
    info.string(IFLA_INFO_KIND, kind.name).nested(IFLA_INFO_DATA, (data) => {
      if (kind.name === 'macvlan') data.u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_PRIVATE);
      else {
        data.u16(IFLA_IPVLAN_MODE, IPVLAN_MODE_L2).u16(IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[kind.mode]);
      }
    });
  });
  return join(0, attributes);
}

/** RTM_NEWLINK on it: the kernel takes no alias from the message that makes a link. */
export function encodeAlias(ifindex: number, values: ReadonlyMap<string, string>): Uint8Array {
  const alias = [OWN_ALIAS, ...Array.from(values, ([key, value]) => `${key}=${value}`)].join(' ');
  return join(ifindex, new AttributeWriter().string(IFLA_IFALIAS, alias));
}

/** RTM_NEWLINK on it: no IPv6 address made of the virtual MAC (RFC 9568 7.4). */
export function encodeNoGeneratedAddress(ifindex: number): Uint8Array {
  const attributes = new AttributeWriter().nested(IFLA_AF_SPEC, (families) => {
    families.nested(AF_INET6, (inet6) => {
      inet6.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    });
  });
  return join(ifindex, attributes);
}

/** RTM_NEWLINK on it: enslaved to a VRF. */
export function encodeMaster(ifindex: number, masterIndex: number): Uint8Array {
  return join(ifindex, new AttributeWriter().u32(IFLA_MASTER, masterIndex));
}

/** RTM_NEWLINK on it. */
export function encodeLinkUp(ifindex: number): Uint8Array {
  const payload = join(ifindex, new AttributeWriter());
  const view = new DataView(payload.buffer);
  view.setUint32(8, IFF_UP, true);
  view.setUint32(12, IFF_UP, true);
  return payload;
}

/** RTM_DELLINK. */
export function encodeLinkRemoval(ifindex: number): Uint8Array {
  return join(ifindex, new AttributeWriter());
}

/** Of an RTM_NEWLINK payload. Throws NetlinkFormatError. */
export function decodeOwnership(payload: Uint8Array): Ownership {
  if (payload.length < IFINFOMSG_LENGTH) {
    throw new NetlinkFormatError(
      'TRUNCATED_MESSAGE',
      `The ifinfomsg has ${payload.length} bytes, expected ${IFINFOMSG_LENGTH}`,
    );
  }
  const attributes = decodeAttributes(payload.subarray(IFINFOMSG_LENGTH));
  const text = (value: Uint8Array | undefined): string =>
    value === undefined ? '' : readString(value);
  const info = attributes.get(IFLA_LINKINFO);
  const parent = attributes.get(IFLA_LINK);
  const master = attributes.get(IFLA_MASTER);
  return {
    ifindex: new DataView(payload.buffer, payload.byteOffset).getInt32(4, true),
    name: text(attributes.get(IFLA_IFNAME)),
    kind: info === undefined ? '' : text(decodeAttributes(info).get(IFLA_INFO_KIND)),
    parentIndex: parent === undefined ? 0 : readU32(parent),
    mac: new Uint8Array(attributes.get(IFLA_ADDRESS) ?? []),
    alias: text(attributes.get(IFLA_IFALIAS)),
    masterIndex: master === undefined ? 0 : readU32(master),
  };
}

function join(ifindex: number, attributes: AttributeWriter): Uint8Array {
  const tail = attributes.finish();
  const payload = new Uint8Array(IFINFOMSG_LENGTH + tail.length);
  new DataView(payload.buffer).setInt32(4, ifindex, true);
  payload.set(tail, IFINFOMSG_LENGTH);
  return payload;
}
