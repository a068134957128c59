/**
 * Numbers from the kernel's headers, under their own names: asm-generic/socket.h, linux/in.h,
 * linux/in6.h, linux/if_packet.h, linux/time.h, linux/sched.h, linux/prctl.h. They are the same on
 * every architecture Node runs on with Linux (libc.ts refuses a big-endian one).
 */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const IPPROTO_IP = 0;
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
/** linux/tcp.h */
export const TCP_QUICKACK = 12;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_ICMPV6 = 58;
/** RFC 9568 section 5.1.1.4. */
export const IPPROTO_VRRP = 112;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_PRIORITY = 12;
export const SO_LINGER = 13;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_MARK = 36;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
/** SO_TIMESTAMPNS_OLD, and the type of what comes of it: a timespec of 64-bit numbers on our architectures. */
export const SO_TIMESTAMPNS = 35;
export const SCM_TIMESTAMPNS = SO_TIMESTAMPNS;

/** linux/icmp.h, linux/icmpv6.h. */
export const SOL_RAW = 255;
export const ICMP_FILTER = 1;
export const ICMPV6_FILTER = 1;

export const NETLINK_CONNECTOR = 11;

export const SOL_NETLINK = 270;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;

export const IP_TOS = 1;
export const IP_TTL = 2;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_PMTUDISC_DONT = 0;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_MULTICAST_ALL = 49;

export const IPV6_CHECKSUM = 7;
export const IPV6_UNICAST_HOPS = 16;
export const IPV6_MULTICAST_IF = 17;
export const IPV6_MULTICAST_HOPS = 18;
export const IPV6_MULTICAST_LOOP = 19;
export const IPV6_ADD_MEMBERSHIP = 20;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_MULTICAST_ALL = 29;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVHOPLIMIT = 51;
export const IPV6_HOPLIMIT = 52;
export const IPV6_TCLASS = 67;

export const MSG_PROBE = 0x10;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_CONFIRM = 0x800;
/** No SIGPIPE. */
export const MSG_NOSIGNAL = 0x4000;

export const F_SETFD = 2;
export const FD_CLOEXEC = 1;

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const TFD_TIMER_ABSTIME = 1;
export const TFD_NONBLOCK = SOCK_NONBLOCK;
export const TFD_CLOEXEC = SOCK_CLOEXEC;

export const SCHED_OTHER = 0;
// wait.h
export const WNOHANG = 1;

export const SCHED_RR = 2;
export const SCHED_RESET_ON_FORK = 0x40000000;

export const PR_SET_PDEATHSIG = 1;
export const PR_CAPBSET_READ = 23;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_IS_SET = 1;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** linux/capability.h: masks of 64 bits. */
export const _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** linux/eventpoll.h. */
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 2 ** 31;
