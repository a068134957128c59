/** LVS1400..: what can be wrong with BFD beyond single values. Part of THE table. */
export const bfdDiagnostics = {
  bfdNeighborTwice: {
    code: 'LVS1400',
    severity: 'error',
    compat: 'keepalived leaves the bfd_instance out',
    message: 'There is already a bfd_instance with the neighbor {address} (line {line})',
    help: 'one session tells all that there is to tell: name the first one wherever it is needed',
  },
  bfdOtherUse: {
    code: 'LVS1401',
    severity: 'error',
    compat: 'keepalived goes on without it',
    message: "bfd_instance '{name}' is for the {use} alone, so {keyword} would hear nothing of it",
    help: "remove '{use}' from the bfd_instance: without the word it is for both",
  },
  bfdLinkLocal: {
    code: 'LVS1402',
    severity: 'error',
    compat: 'keepalived starts, and the session stays down',
    message: 'neighbor_ip {address} is link-local, and nothing says on which interface that is',
    help: 'name a global or unique local address of the neighbour',
  },
  bfdHopsForbidden: {
    code: 'LVS1403',
    severity: 'warning',
    message: 'With max_hops 0 a multihop session refuses whatever has passed a router',
    help: "add 'max_hops N', with the routers in between, or -1 for any number",
  },
  bfdIdleTooShort: {
    code: 'LVS1404',
    severity: 'warning',
    message: 'idle_tx {found} ms is too short: a session that is down sends once a second at most',
    help: 'RFC 5880 section 6.8.3 wants it so; intervals of sessions that are up are min_tx and min_rx',
  },
} as const;
