/**
 * nftables through NETLINK_NETFILTER (linux/netfilter/nfnetlink.h, nf_tables.h): one table of the
 * `inet` family that drops packets which the host itself would accept at some addresses.
 *
 *   table inet lvsd {
 *     set denied4 { type ipv4_addr }
 *     set denied6 { type ipv6_addr }
 *     chain input {
 *       type filter hook input priority 101; policy accept;
 *       meta l4proto ipv6-icmp icmpv6 type nd-neighbor-solicit accept
 *       meta l4proto ipv6-icmp icmpv6 type nd-neighbor-advert accept
 *       meta nfproto ipv4 ip daddr @denied4 drop
 *       meta nfproto ipv6 ip6 daddr @denied6 drop
 *     }
 *   }
 *
 * Neighbour discovery is never dropped (RFC 9568 6.4.3: it must go on working with Accept_Mode False);
 * ARP does not come this way. The priority is behind IPVS' own hooks on input (98, 99): what IPVS
 * forwards it has taken by then, so a service on such an address goes on being served. keepalived's
 * chain stands in front, at -1, and cuts it off.
 *
 *      0        4         16               20
 *     +--------+---------+----------------+----------------+
 *     | nlmsghdr         | nfgenmsg       | attributes ... |     nfgenmsg: family, version 0, be16 res_id
 *     +------------------+----------------+----------------+
 */
import { addressBytes, type Family, type IpAddress } from '../base/address.ts';
import { AttributeWriter } from './netlink.ts';

export const NETLINK_NETFILTER = 12;

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;

const NLM_F_CREATE = 0x400;
const NLM_F_APPEND = 0x800;

const NFPROTO_UNSPEC = 0;
const NFPROTO_INET = 1;
const NFPROTO_IPV4 = 2;
const NFPROTO_IPV6 = 10;
const NFGENMSG_LENGTH = 4;

const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NF_INET_LOCAL_IN = 1;
const NF_DROP = 0;
const NF_ACCEPT = 1;

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_ID = 10;
/** nft's own numbers of data types, only for people who list the table. */
const TYPE_IPADDR = 7;
const TYPE_IP6ADDR = 8;

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_LIST_ELEM = 1;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;

const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFT_META_NFPROTO = 15;
const NFT_META_L4PROTO = 16;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFT_CMP_EQ = 0;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFT_PAYLOAD_NETWORK_HEADER = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
const NFTA_LOOKUP_SET = 1;
const NFTA_LOOKUP_SREG = 2;
const NFTA_LOOKUP_SET_ID = 4;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFT_REG_VERDICT = 0;
const NFT_REG_1 = 1;

const IPPROTO_ICMPV6 = 58;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

/** NF_IP_PRI_NAT_SRC is 100; IPVS takes its packets at 98 and 99. */
export const CHAIN_PRIORITY = 101;
const CHAIN = 'input';

interface AddressSet {
  readonly name: string;
  readonly id: number;
  readonly keyType: number;
  readonly keyLength: number;
  readonly protocol: number;
  /** Of the destination in the IP header. */
  readonly offset: number;
}

const SETS: Readonly<Record<Family, AddressSet>> = {
  inet: {
    name: 'denied4',
    id: 1,
    keyType: TYPE_IPADDR,
    keyLength: 4,
    protocol: NFPROTO_IPV4,
    offset: 16,
  },
  inet6: {
    name: 'denied6',
    id: 2,
    keyType: TYPE_IP6ADDR,
    keyLength: 16,
    protocol: NFPROTO_IPV6,
    offset: 24,
  },
};

/** One message of a batch: what NetlinkSocket.transaction sends. */
export interface NftMessage {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** The messages that stand around a batch: all of it happens, or none. */
export const BATCH_BEGIN: NftMessage = {
  type: NFNL_MSG_BATCH_BEGIN,
  flags: 0,
  payload: header(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES),
};
export const BATCH_END: NftMessage = {
  type: NFNL_MSG_BATCH_END,
  flags: 0,
  payload: header(NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES),
};

/** The table as it was left, if it was, and then as it shall be, with these addresses denied. */
export function encodeFreshTable(
  table: string,
  denied: readonly IpAddress[],
): readonly NftMessage[] {
  return [
    // Created so that there is one to delete: deleting what is not there fails the batch.
    newTable(table),
    deleteTable(table),
    newTable(table),
    newSet(table, SETS.inet),
    newSet(table, SETS.inet6),
    newChain(table),
    acceptNeighborDiscovery(table, NEIGHBOR_SOLICITATION),
    acceptNeighborDiscovery(table, NEIGHBOR_ADVERTISEMENT),
    dropDenied(table, SETS.inet),
    dropDenied(table, SETS.inet6),
    ...denied.map((address) => encodeDeny(table, address)),
  ];
}

/** Takes the table away, whether it is there or not. */
export function encodeTableRemoval(table: string): readonly NftMessage[] {
  return [newTable(table), deleteTable(table)];
}

/** Puts an address into its set; one that is there stays. */
export function encodeDeny(table: string, address: IpAddress): NftMessage {
  return message(NFT_MSG_NEWSETELEM, NLM_F_CREATE, elements(table, address));
}

/** Takes it out; ENOENT when it is not there. */
export function encodeAllow(table: string, address: IpAddress): NftMessage {
  return message(NFT_MSG_DELSETELEM, 0, elements(table, address));
}

function elements(table: string, address: IpAddress): AttributeWriter {
  return new AttributeWriter()
    .string(NFTA_SET_ELEM_LIST_TABLE, table)
    .string(NFTA_SET_ELEM_LIST_SET, SETS[address.family].name)
    .nested(NFTA_SET_ELEM_LIST_ELEMENTS, (list) => {
      list.nested(NFTA_LIST_ELEM, (element) => {
        element.nested(NFTA_SET_ELEM_KEY, (key) => {
          key.bytes(NFTA_DATA_VALUE, addressBytes(address));
        });
      });
    });
}

function newTable(table: string): NftMessage {
  const attributes = new AttributeWriter().string(NFTA_TABLE_NAME, table);
  return message(NFT_MSG_NEWTABLE, NLM_F_CREATE, attributes);
}

function deleteTable(table: string): NftMessage {
  return message(NFT_MSG_DELTABLE, 0, new AttributeWriter().string(NFTA_TABLE_NAME, table));
}

function newSet(table: string, set: AddressSet): NftMessage {
  const attributes = new AttributeWriter()
    .string(NFTA_SET_TABLE, table)
    .string(NFTA_SET_NAME, set.name);
  u32be(attributes, NFTA_SET_KEY_TYPE, set.keyType);
  u32be(attributes, NFTA_SET_KEY_LEN, set.keyLength);
  u32be(attributes, NFTA_SET_ID, set.id);
  return message(NFT_MSG_NEWSET, NLM_F_CREATE, attributes);
}

function newChain(table: string): NftMessage {
  const attributes = new AttributeWriter()
    .string(NFTA_CHAIN_TABLE, table)
    .string(NFTA_CHAIN_NAME, CHAIN)
    .nested(NFTA_CHAIN_HOOK, (hook) => {
      u32be(hook, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_IN);
      u32be(hook, NFTA_HOOK_PRIORITY, CHAIN_PRIORITY);
    });
  u32be(attributes, NFTA_CHAIN_POLICY, NF_ACCEPT);
  attributes.string(NFTA_CHAIN_TYPE, 'filter');
  return message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, attributes);
}

function acceptNeighborDiscovery(table: string, icmpType: number): NftMessage {
  return newRule(table, (rule) => {
    meta(rule, NFT_META_L4PROTO);
    isEqual(rule, IPPROTO_ICMPV6);
    payloadOf(rule, { base: NFT_PAYLOAD_TRANSPORT_HEADER, offset: 0, length: 1 });
    isEqual(rule, icmpType);
    verdict(rule, NF_ACCEPT);
  });
}

function dropDenied(table: string, set: AddressSet): NftMessage {
  const { protocol, offset, keyLength: length } = set;
  return newRule(table, (rule) => {
    meta(rule, NFT_META_NFPROTO);
    isEqual(rule, protocol);
    payloadOf(rule, { base: NFT_PAYLOAD_NETWORK_HEADER, offset, length });
    expression(rule, 'lookup', (data) => {
      data.string(NFTA_LOOKUP_SET, set.name);
      u32be(data, NFTA_LOOKUP_SREG, NFT_REG_1);
      u32be(data, NFTA_LOOKUP_SET_ID, set.id);
    });
    verdict(rule, NF_DROP);
  });
}

function newRule(table: string, fill: (expressions: AttributeWriter) => void): NftMessage {
  const attributes = new AttributeWriter()
    .string(NFTA_RULE_TABLE, table)
    .string(NFTA_RULE_CHAIN, CHAIN)
    .nested(NFTA_RULE_EXPRESSIONS, fill);
  return message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, attributes);
}

function expression(
  rule: AttributeWriter,
  name: string,
  fill: (data: AttributeWriter) => void,
): void {
  rule.nested(NFTA_LIST_ELEM, (element) => {
    element.string(NFTA_EXPR_NAME, name).nested(NFTA_EXPR_DATA, fill);
  });
}

function meta(rule: AttributeWriter, key: number): void {
  expression(rule, 'meta', (data) => {
    u32be(data, NFTA_META_KEY, key);
    u32be(data, NFTA_META_DREG, NFT_REG_1);
  });
}

/** Of one byte. */
function isEqual(rule: AttributeWriter, value: number): void {
  expression(rule, 'cmp', (data) => {
    u32be(data, NFTA_CMP_SREG, NFT_REG_1);
    u32be(data, NFTA_CMP_OP, NFT_CMP_EQ);
    data.nested(NFTA_CMP_DATA, (inner) => inner.bytes(NFTA_DATA_VALUE, Uint8Array.of(value)));
  });
}

function payloadOf(
  rule: AttributeWriter,
  { base, offset, length }: { base: number; offset: number; length: number },
): void {
  expression(rule, 'payload', (data) => {
    u32be(data, NFTA_PAYLOAD_DREG, NFT_REG_1);
    u32be(data, NFTA_PAYLOAD_BASE, base);
    u32be(data, NFTA_PAYLOAD_OFFSET, offset);
    u32be(data, NFTA_PAYLOAD_LEN, length);
  });
}

function verdict(rule: AttributeWriter, code: number): void {
  expression(rule, 'immediate', (data) => {
    u32be(data, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data.nested(NFTA_IMMEDIATE_DATA, (inner) => {
      inner.nested(NFTA_DATA_VERDICT, (one) => u32be(one, NFTA_VERDICT_CODE, code));
    });
  });
}

/** Integers of nf_tables are in network order. */
function u32be(attributes: AttributeWriter, type: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  attributes.bytes(type, bytes);
}

function message(command: number, flags: number, attributes: AttributeWriter): NftMessage {
  const tail = attributes.finish();
  const payload = new Uint8Array(NFGENMSG_LENGTH + tail.length);
  payload.set(header(NFPROTO_INET, 0));
  payload.set(tail, NFGENMSG_LENGTH);
  return { type: (NFNL_SUBSYS_NFTABLES << 8) | command, flags, payload };
}

function header(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff);
}
