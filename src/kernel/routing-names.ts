/**
 * Names of routing tables, protocols, scopes, realms, service classes and interface groups, as
 * iproute2 keeps them: `NUMBER NAME` lines in /etc/iproute2 and /usr/share/iproute2 (or
 * /usr/lib/iproute2), which the former overrides, and in the `.d` directories beside them. Read once,
 * at start and at reload.
 */
import { readdirSync, readFileSync } from 'node:fs';

export type NameKind = 'table' | 'protocol' | 'scope' | 'realm' | 'tos' | 'group';

/** The number that a word stands for: itself, or a known name. */
export interface RoutingNames {
  number(kind: NameKind, word: string): number | undefined;
}

const DIRECTORIES = ['/usr/lib/iproute2', '/usr/share/iproute2', '/etc/iproute2'];
const FILES: Readonly<Record<NameKind, string>> = {
  table: 'rt_tables',
  protocol: 'rt_protos',
  scope: 'rt_scopes',
  realm: 'rt_realms',
  tos: 'rt_dsfield',
  group: 'group',
};

/** What the kernel itself knows, whatever the files say. */
const BUILT_IN: Readonly<Record<NameKind, Readonly<Record<string, number>>>> = {
  table: { default: 253, main: 254, local: 255 },
  protocol: { redirect: 1, kernel: 2, boot: 3, static: 4, keepalived: 18 },
  scope: { global: 0, universe: 0, site: 200, link: 253, host: 254, nowhere: 255 },
  realm: { cosmos: 0 },
  tos: {},
  group: { default: 0 },
};

const NUMBER = /^(?:\d{1,10}|0x[\da-f]{1,8})$/i;
/** iproute2 reads service classes and realms as hexadecimal with 0x, decimal without. */
const LINE = /^\s*(0x[\da-f]{1,8}|\d{1,10})\s+([^\s#]+)/i;
const FILE_BYTES_MAX = 1024 * 1024;

export function readRoutingNames(directories: readonly string[] = DIRECTORIES): RoutingNames {
  const known = new Map<string, number>();
  for (const [kind, names] of Object.entries(BUILT_IN)) {
    for (const [name, number] of Object.entries(names)) known.set(`${kind} ${name}`, number);
  }
  for (const directory of directories) {
    for (const [kind, file] of Object.entries(FILES)) {
      for (const text of textsOf(`${directory}/${file}`)) {
        for (const line of text.split('\n')) {
          const [, number, name] = LINE.exec(line) ?? [];
          if (name !== undefined) known.set(`${kind} ${name}`, Number(number));
        }
      }
    }
  }
  return {
    number: (kind, word) => (NUMBER.test(word) ? Number(word) : known.get(`${kind} ${word}`)),
  };
}

/** The file and what is in its `.d` directory; what is missing or too long is empty. */
function textsOf(path: string): readonly string[] {
  return [path, ...confFilesOf(`${path}.d`)].map(readText);
}

function confFilesOf(directory: string): readonly string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.conf'));
    return names.sort().map((name) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    return text.length > FILE_BYTES_MAX ? '' : text;
  } catch {
    return '';
  }
}
