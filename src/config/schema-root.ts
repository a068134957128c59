/** Keywords outside all blocks, and the blocks that lvsd does not act on yet. */
import { NOTHING, text, words, works } from './schema-rows.ts';

export const rootRows = [
  ...works('root', [
    {
      name: 'global_defs',
      opens: 'global_defs',
      value: NOTHING,
      doc: 'What holds for the whole daemon',
      isRepeatable: true,
    },
    {
      name: 'vrrp_instance',
      opens: 'vrrp_instance',
      value: text('a name'),
      doc: 'One VRRP group on one interface, with the addresses that move with it',
      isRepeatable: true,
    },
    {
      name: 'virtual_server',
      opens: 'virtual_server',
      value: words('ADDRESS PORT | fwmark N | group NAME'),
      doc: 'One IPVS service and its real servers',
      isRepeatable: true,
    },
    {
      name: 'include',
      value: text('a file name or a pattern'),
      doc: 'Reads other files here; the path is relative to this file',
      isRepeatable: true,
    },
    {
      name: 'includer',
      value: text('a file name or a pattern'),
      doc: 'As include; what it matches must be readable',
      isRepeatable: true,
    },
    {
      name: 'includem',
      value: text('a file name or a pattern'),
      doc: 'As includer; it must match a file unless it has wildcards',
      isRepeatable: true,
    },
    {
      name: 'includew',
      value: text('a file name or a pattern'),
      doc: 'As includem; wildcards must match as well',
      isRepeatable: true,
    },
    {
      name: 'includeb',
      value: text('a file name or a pattern'),
      doc: 'As includer; each of {a,b} must match',
      isRepeatable: true,
    },
    {
      name: 'includea',
      value: text('a file name or a pattern'),
      doc: 'As all the others together',
      isRepeatable: true,
    },
  ]),
];
