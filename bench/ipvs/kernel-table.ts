/** The kernel's table as the bench looks at it: through lvsd's client, with questions that cost little. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { IpvsClient } from '../../src/ipvs/client.ts';
import { destinationName } from '../../src/ipvs/plan.ts';
import { type Pool, serviceOf, type Weigh } from './pools.ts';

const POLL_MS = 3;
const SHORT_SERVICE = 200;
/** The first has the head of the table alone. */
const LISTING_PIECES = 3;
const DEADLINE_MS = 120_000;

export class KernelTable {
  readonly client: IpvsClient;

  constructor() {
    const opened = IpvsClient.open();
    if (!opened.ok) throw new Error(`${opened.code}: ${opened.detail}`);
    this.client = opened.client;
  }

  /**
   * Whether the last server of a pool is there with this weight. Asked as "make it what it should be":
   * where it is absent the kernel says so, and a whole service need not be read.
   */
  has(pool: Pool, server: string, weigh: Weigh): boolean {
    const service = serviceOf({ address: pool.address, servers: [server] }, weigh);
    const [destination] = service.destinations;
    if (destination === undefined) return false;
    const edit = { kind: 'editServer', service, destination, reason: 'bench' } as const;
    return this.client.apply([edit])[0]?.ok === true;
  }

  /** The weight of a server; undefined when it is absent. Reads the service. */
  weightOf(pool: Pool, server: string): number | undefined {
    const service = serviceOf({ address: pool.address, servers: [server] }, () => 1);
    const read = this.client.destinations(service);
    if (!read.ok) return undefined;
    return read.destinations.find((each) => each.address.text === server)?.weight;
  }

  /**
   * The weight of the server that was made last. The kernel lists it first, so that of a long service one
   * page of text is read, and of a short one its servers.
   */
  lastWeight(pool: Pool, server: string): number | undefined {
    if (pool.servers.length <= SHORT_SERVICE) return this.weightOf(pool, server);
    const hex = Buffer.from(server.split('.').map(Number)).toString('hex').toUpperCase();
    for (let piece = 0; piece < LISTING_PIECES; piece += 1) {
      const read = this.client.readListing(piece === 0);
      if (!read.ok) throw new Error(read.detail);
      const line = Buffer.from(read.bytes).toString('latin1').match(`-> ${hex}:.*`)?.[0];
      if (line !== undefined) return Number(line.split(/\s+/)[3]);
    }
    return undefined;
  }

  /** Servers by service, as `address:port weight`, in one order. */
  lines(): ReadonlyMap<string, readonly string[]> {
    const dumped = this.client.dump();
    if (!dumped.ok) throw new Error(dumped.detail);
    return new Map(
      Array.from(dumped.table, ([name, { destinations }]) => [
        name,
        destinations.map((one) => `${destinationName(one)} ${one.weight}`).sort(),
      ]),
    );
  }

  count(): number {
    return [...this.lines().values()].reduce((sum, servers) => sum + servers.length, 0);
  }

  clear(): void {
    execFileSync('ipvsadm', ['-C']);
  }
}

/** Milliseconds from `beganMs` until it is so, to within a poll. */
export async function until(
  what: string,
  isSo: () => boolean,
  beganMs: number,
  pollMs = POLL_MS,
): Promise<number> {
  while (!isSo()) {
    if (performance.now() - beganMs > DEADLINE_MS) throw new Error(`Never happened: ${what}`);
    await sleep(pollMs);
  }
  return performance.now() - beganMs;
}
