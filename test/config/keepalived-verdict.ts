/** What the keepalived of this machine says to configurations: `keepalived -t` in a namespace. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const SAMPLES = '/usr/share/doc/keepalived/samples';

/** The interfaces that the samples name: `-t` asks whether they are there. */
const INTERFACES = ['eth0', 'eth1', 'eth2', 'eth3', 'eth0.1'];

const TIMEOUT_MS = 60_000;
/** A namespace that ends with the shell, so nothing is left behind; `-r` does without root. */
const UNSHARE = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n'];

const SCRIPT = `
for name in ${INTERFACES.join(' ')}; do
  ip link add "$name" type veth peer name "p-$name" && ip link set "$name" up || exit 99
done
for file; do
  keepalived -t -f "$file" >"$file.said" 2>&1
  echo "$?"
done
`;

export const WHAT_TO_INSTALL =
  'keepalived is not installed: run ./setup test (it installs keepalived of Debian, with its samples)';

export interface Verdict {
  /** 0: clean, 5: errors and warnings it starts with; anything else: it would not start. */
  readonly exitStatus: number;
  readonly said: string;
}

/** `name -> text` of the samples that are configurations. */
export function readSamples(): ReadonlyMap<string, string> {
  const names = listSamples().filter((name) => name.startsWith('keepalived.conf'));
  if (names.length === 0) throw new Error(WHAT_TO_INSTALL);
  return new Map(
    names.sort().map((name) => {
      const bytes = readFileSync(join(SAMPLES, name));
      const isPacked = name.endsWith('.gz');
      const text = (isPacked ? gunzipSync(bytes) : bytes).toString('utf8');
      return [name.replace(/\.gz$/, ''), text];
    }),
  );
}

function listSamples(): readonly string[] {
  try {
    return readdirSync(SAMPLES);
  } catch {
    return [];
  }
}

/** keepalived's verdict on each of `files`, name -> text. */
export function askKeepalived(files: ReadonlyMap<string, string>): ReadonlyMap<string, Verdict> {
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-differential-'));
  try {
    const paths = [...files].map(([name, text]) => {
      const path = join(directory, name.replaceAll('/', '-'));
      writeFileSync(path, text);
      return path;
    });
    const program = [...UNSHARE, 'sh', '-c', SCRIPT, 'sh', ...paths];
    const path = `${process.env.PATH}:/usr/sbin:/sbin`;
    const { stdout, stderr } = spawnSync('unshare', program, {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      env: { ...process.env, PATH: path },
    });
    const statuses = stdout.trim().split('\n').map(Number);
    if (statuses.includes(127)) throw new Error(WHAT_TO_INSTALL);
    if (statuses.length !== paths.length) throw new Error(`keepalived was not asked: ${stderr}`);
    return new Map(
      [...files.keys()].map((name, index) => {
        const said = readFileSync(`${paths[index]}.said`, 'utf8');
        return [name, { exitStatus: statuses[index] ?? -1, said }];
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
