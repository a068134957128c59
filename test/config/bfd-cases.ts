/** What brings about each diagnostic of BFD. */
import type { bfdDiagnostics } from '../../src/config/diagnostic-table-bfd.ts';
import { instance, type VrrpCase } from './vrrp-cases.ts';

function session(name: string, lines: string): string {
  return `bfd_instance ${name} {\n${lines}\n}\n`;
}

export const BFD_CASES: Readonly<Record<keyof typeof bfdDiagnostics, VrrpCase>> = {
  bfdNeighborTwice: {
    text: session('a', 'neighbor_ip 10.0.0.9') + session('b', 'neighbor_ip 10.0.0.9'),
  },
  bfdOtherUse: {
    text: session('a', 'neighbor_ip 10.0.0.9\nchecker') + instance('track_bfd {\na\n}'),
  },
  bfdLinkLocal: { text: session('a', 'neighbor_ip fe80::9') },
  bfdHopsForbidden: { text: session('a', 'neighbor_ip 10.0.0.9\nmultihop') },
  bfdIdleTooShort: { text: session('a', 'neighbor_ip 10.0.0.9\nidle_tx 100') },
};
