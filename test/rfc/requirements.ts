/**
 * Every MUST and MUST NOT of RFC 9568 with its verified technical errata, and what lvsd makes of it. The
 * wording is shortened; the section has the text. `ledger.test.ts` fails when a row that is `tested` or
 * `differs` has no test with its id, and when a test names an id that is not here. What only a kernel can show is
 * `tested in a kernel`: `reason` names the file and the title.
 */
export type Kind = 'MUST' | 'MUST NOT' | 'SHOULD';

export interface Requirement {
  /** Section, and a letter where it has several. */
  readonly id: string;
  readonly section: string;
  readonly kind: Kind;
  readonly wording: string;
  readonly status: 'tested' | 'tested in a kernel' | 'differs' | 'not applicable';
  /** Why it differs, or why nothing of lvsd could; of a kernel test, its file and title. */
  readonly reason?: string;
}

const NO_VMAC =
  'the virtual MAC is only used with use_vmac, as in keepalived; by default the real one is';
const NO_FORWARDING =
  'lvsd forwards no packet; the kernel does, and link-local multicast it does not';
const NO_RA =
  'router advertisements are left to radvd, as keepalived leaves them: a director is no default router';
const ONE_VERSION =
  'an instance speaks one version, as in keepalived; run two instances to migrate';

/** id, kind, wording, and where it is not simply tested: status and reason, or file and title. */
type Row = readonly [
  string,
  Kind,
  string,
  ...(readonly [] | readonly [Exclude<Requirement['status'], 'tested'>, string]),
];

const ROWS: readonly Row[] = [
  ['5.1.1.2', 'MUST NOT', 'forward a datagram to 224.0.0.18', 'not applicable', NO_FORWARDING],
  ['5.1.1.3-a', 'MUST', 'set the TTL to 255'],
  ['5.1.1.3-b', 'MUST', 'discard a packet whose TTL is not 255'],
  ['5.1.2.2', 'MUST NOT', 'forward a datagram to ff02::12', 'not applicable', NO_FORWARDING],
  ['5.1.2.3-a', 'MUST', 'set the hop limit to 255'],
  ['5.1.2.3-b', 'MUST', 'discard a packet whose hop limit is not 255'],
  ['5.2.2', 'MUST', 'discard a packet of unknown type'],
  ['5.2.4-a', 'MUST', 'the owner of the addresses has priority 255'],
  ['5.2.4-b', 'MUST', 'a backup has a priority from 1 to 254'],
  ['5.2.5', 'MUST', 'ignore an advert with 0 addresses'],
  ['5.2.6-a', 'MUST', 'set the reserved bits to zero'],
  ['5.2.6-b', 'MUST', 'ignore the reserved bits that are received'],
  ['5.2.8-a', 'MUST', 'over IPv6 the checksum covers the pseudo-header, next header 112'],
  [
    '5.2.8-b',
    'MUST',
    'over IPv4 the checksum covers the message alone',
    'differs',
    'keepalived and FRR drop that form: sent with the pseudo-header unless v3_checksum_as_v2; both are accepted',
  ],
  [
    '5.2.9-a',
    'MUST',
    'the first IPv6 address is the link-local one',
    'differs',
    'the addresses are sent in the order of the file, as keepalived sends them',
  ],
  ['5.2.9-b', 'MUST', 'the addresses are of the family of the IP header'],
  [
    '6.1-a',
    'MUST NOT',
    'drop neighbor solicitations and advertisements when Accept_Mode is false',
    'tested in a kernel',
    'test/kernel/address-firewall.test.ts: are dropped, and nothing else is; neighbour discovery goes on',
  ],
  ['6.1-b', 'MUST', 'the owner preempts whatever Preempt_Mode is'],
  ['6.4.1-a', 'MUST', 'started as the owner: advert, announcement, Adver_Timer, Active'],
  ['6.4.1-b', 'MUST', 'started as no owner: Active_Down_Timer, Backup'],
  ['6.4.2-a', 'MUST NOT', 'as Backup answer ARP for the addresses'],
  ['6.4.2-b', 'MUST NOT', 'as Backup answer neighbor solicitations for the addresses'],
  ['6.4.2-c', 'MUST NOT', 'as Backup send router advertisements', 'not applicable', NO_RA],
  [
    '6.4.2-d',
    'MUST',
    'as Backup discard frames to the virtual MAC',
    'not applicable',
    'the kernel discards frames to a MAC that no interface has; that of use_vmac stays up, as in keepalived',
  ],
  ['6.4.2-e', 'MUST NOT', 'as Backup accept packets to the addresses'],
  ['6.4.2-f', 'MUST', 'as Backup, on shutdown cancel Active_Down_Timer, Initialize'],
  ['6.4.2-g', 'MUST', 'Active_Down_Timer fired: advert, announcements, Adver_Timer, Active'],
  ['6.4.2-h', 'MUST', 'as Backup, on priority 0 set Active_Down_Timer to Skew_Time'],
  [
    '6.4.2-i',
    'MUST',
    'as Backup, adopt the interval of an advert that counts and start to wait anew',
  ],
  ['6.4.2-j', 'MUST', 'as Backup with Preempt_Mode, discard an advert of lower priority'],
  ['6.4.2-k', 'MUST', 'as Backup without Preempt_Mode, an advert of lower priority counts'],
  ['6.4.3-a', 'MUST', 'as Active answer ARP for the addresses'],
  ['6.4.3-b', 'MUST', 'as Active be a member of the solicited-node groups of the addresses'],
  ['6.4.3-c', 'MUST', 'as Active answer neighbor solicitations, R set'],
  ['6.4.3-d', 'MUST', 'as Active send router advertisements', 'not applicable', NO_RA],
  [
    '6.4.3-e',
    'MUST',
    'as Active forward frames to the virtual MAC',
    'not applicable',
    NO_FORWARDING,
  ],
  [
    '6.4.3-f',
    'MUST',
    'as Active accept packets to the addresses as the owner, or with Accept_Mode',
  ],
  [
    '6.4.3-g',
    'MUST NOT',
    'as Active accept packets to the addresses with neither',
    'differs',
    'Accept_Mode is true unless no_accept, as in keepalived: a director must accept what it balances',
  ],
  [
    '6.4.3-h',
    'MUST',
    'as Active, on shutdown cancel Adver_Timer, send priority 0, Initialize',
    'differs',
    'priority 0 at once, but Initialize and the addresses off only when the successor is heard, within two intervals',
  ],
  ['6.4.3-i', 'MUST', 'Adver_Timer fired: advert, Adver_Timer anew'],
  ['6.4.3-j', 'MUST', 'as Active, on priority 0 send an advert, Adver_Timer anew'],
  [
    '6.4.3-k',
    'MUST',
    'as Active, on a higher priority become Backup with the interval of that advert',
  ],
  ['6.4.3-l', 'MUST', 'as Active, an equal priority from a greater address counts as higher'],
  ['6.4.3-m', 'MUST', 'addresses are compared as unsigned integers in network byte order'],
  ['6.4.3-n', 'MUST', 'as Active, discard an advert of lower priority and send one at once'],
  ['7.1-a', 'MUST', 'verify that the version is 3'],
  ['7.1-b', 'MUST', 'verify that the type is 1'],
  ['7.1-c', 'MUST', 'verify that the packet is complete'],
  ['7.1-d', 'MUST', 'verify the checksum'],
  ['7.1-e', 'MUST', 'verify that the router id is configured on the receiving interface'],
  ['7.1-f', 'MUST', 'discard the packet when any check fails'],
  ['7.1-g', 'SHOULD', 'log a failed check, with a limited rate'],
  ['7.1-h', 'SHOULD', 'note an interval that is not ours, and not drop the packet'],
  ['7.1-i', 'SHOULD', 'note an address list that is not ours, and not drop the packet'],
  ['7.2-a', 'MUST', 'fill the fields from the configuration and compute the checksum'],
  ['7.2-b', 'MUST', 'send from the virtual MAC', 'not applicable', NO_VMAC],
  ['7.2-c', 'MUST', 'send from the primary IPv4 address'],
  ['7.2-d', 'MUST', 'send from the link-local IPv6 address'],
  ['7.2-e', 'MUST', 'send as protocol 112 to the group'],
  [
    '7.4',
    'MUST NOT',
    'make an interface identifier of the virtual MAC',
    'not applicable',
    'lvsd derives no identifiers; what use_vmac makes gets its addresses from the configuration',
  ],
  ['8.1.2-a', 'MUST NOT', 'answer ARP with the physical MAC', 'differs', NO_VMAC],
  ['8.1.2-b', 'MUST', 'announce an IPv4 address only when it is configured'],
  ['8.1.3', 'MUST', 'proxy ARP says the virtual MAC', 'not applicable', 'lvsd does no proxy ARP'],
  [
    '8.2.2-a',
    'MUST NOT',
    'answer neighbor solicitations with the physical MAC',
    'differs',
    NO_VMAC,
  ],
  [
    '8.2.2-b',
    'MUST',
    'neighbor solicitations carry the virtual MAC',
    'not applicable',
    'the kernel sends them, from the interface that has the address',
  ],
  ['8.2.2-c', 'MUST', 'announce an IPv6 address only when it is configured'],
  ['8.2.3', 'MUST', 'backups send the same router advertisement options', 'not applicable', NO_RA],
  ['8.3.2', 'SHOULD', 'note a second router of priority 255'],
  ['8.4.2-a', 'MUST', 'mixed mode: send version 2 and version 3', 'not applicable', ONE_VERSION],
  [
    '8.4.2-b',
    'MUST',
    'mixed mode: wait by the rate of the Active router',
    'not applicable',
    ONE_VERSION,
  ],
  ['8.4.2-c', 'MUST', 'mixed mode: seconds become centiseconds', 'not applicable', ONE_VERSION],
  ['erratum-7947', 'MUST', 'at start the gratuitous ARP contains the IPv4 address'],
  ['erratum-7949', 'MUST', 'at a takeover the gratuitous ARP contains the IPv4 address'],
  ['erratum-8298', 'SHOULD', 'an owner notes adverts of another router, and does not discard them'],
  ['erratum-8299', 'MUST', 'verify that the address count is not 0'],
  [
    'erratum-8300',
    'MUST',
    'verify that the first IPv6 address is link-local',
    'differs',
    'noted and counted, not discarded: keepalived allows it outside strict mode, and two masters are worse',
  ],
  ['erratum-8301-a', 'MUST', 'verify that Max Advertise Interval is not 0'],
  ['erratum-8301-b', 'MUST', 'the interval is from 1 to 4095 centiseconds'],
];

export const REQUIREMENTS: readonly Requirement[] = ROWS.map((row): Requirement => {
  const [id, kind, wording, status, reason = ''] = row;
  const section = id.replace(/-[a-z]$/, '');
  if (status === undefined) return { id, section, kind, wording, status: 'tested' };
  return { id, section, kind, wording, status, reason };
});
