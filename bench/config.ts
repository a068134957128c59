/**
 * Reads and compiles generated configurations of the size of the largest services that are known,
 * and of ten times that. `node bench/config.ts [--json] [--quick]`. `keepalived -t` reads the same
 * file in turn, when it is installed; medians of three. The bar: the first in under a second.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../src/config/load.ts';
import { addressOf } from './addresses.ts';

interface Size {
  readonly services: number;
  readonly servers: number;
}

interface Result {
  readonly name: string;
  readonly unit: 'ms';
  readonly ours: number;
  /** Absent where keepalived is not installed, or takes longer than PEER_TIMEOUT_MS. */
  readonly peer?: number;
  readonly peerName: 'keepalived -t';
  readonly ratio?: number;
}

const SIZES: readonly Size[] = [
  { services: 2284, servers: 37_298 },
  { services: 22_840, servers: 372_980 },
];
const QUICK_SIZES: readonly Size[] = [{ services: 22, servers: 372 }];
const RUNS = 3;
const PEER_TIMEOUT_MS = 30_000;

function generate({ services, servers }: Size): string {
  const blocks = ['global_defs {\n  router_id bench\n}\n'];
  let made = 0;
  for (let service = 0; service < services; service += 1) {
    blocks.push(
      `virtual_server ${addressOf(10, service)} 80 {\n  delay_loop 5\n  lb_algo wlc\n` +
        '  lb_kind DR\n  protocol TCP\n  alpha\n',
    );
    const last = Math.floor(((service + 1) * servers) / services);
    for (; made < last; made += 1) {
      blocks.push(
        `  real_server ${addressOf(172, made)} 80 {\n    weight 1\n    TCP_CHECK {\n` +
          '      connect_timeout 3\n      retry 2\n    }\n  }\n',
      );
    }
    blocks.push('}\n');
  }
  return blocks.join('');
}

function measureOurs(file: string, { services, servers }: Size): number {
  const started = performance.now();
  const { config } = loadConfig(file, { configId: 'bench' });
  const elapsed = performance.now() - started;
  const read = config?.virtualServers.flatMap(({ realServers }) => realServers).length;
  if (config?.virtualServers.length !== services || read !== servers) {
    throw new Error(`Expected ${servers} servers of ${services} services, read ${read}`);
  }
  return elapsed;
}

function measurePeer(file: string): number | undefined {
  const started = performance.now();
  const { error, signal } = spawnSync('keepalived', ['-t', '-f', file], {
    stdio: 'ignore',
    timeout: PEER_TIMEOUT_MS,
  });
  return error === undefined && signal === null ? performance.now() - started : undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function measure(directory: string, size: Size): Result {
  const file = join(directory, `${size.servers}.conf`);
  writeFileSync(file, generate(size));
  const ours: number[] = [];
  const peers: (number | undefined)[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    ours.push(measureOurs(file, size));
    if (run === 0 || peers[0] !== undefined) peers.push(measurePeer(file));
  }
  const name = `read and compile ${size.services} services, ${size.servers} servers`;
  const result = { name, unit: 'ms', ours: round(median(ours)) } as const;
  const known = peers.filter((value) => value !== undefined);
  if (known.length < RUNS) return { ...result, peerName: 'keepalived -t' };
  const peer = round(median(known));
  return { ...result, peer, peerName: 'keepalived -t', ratio: round(result.ours / peer) };
}

function main(words: readonly string[]): void {
  const sizes = words.includes('--quick') ? QUICK_SIZES : SIZES;
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-bench-'));
  try {
    const results = sizes.map((size) => measure(directory, size));
    if (words.includes('--json')) {
      process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
      return;
    }
    for (const [index, { name, ours, peer, peerName }] of results.entries()) {
      const each = round((ours * 1000) / (sizes[index]?.servers ?? 1));
      const compared = peer === undefined ? `${peerName}: not measured` : `${peerName}: ${peer} ms`;
      process.stdout.write(`${name}: ${ours} ms, ${each} us a server (${compared})\n`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

main(process.argv.slice(2));
