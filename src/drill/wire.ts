/**
 * The wire as the client's segment sees it: gratuitous ARP for the VIP and resignations, read by tcpdump,
 * which knows nothing of lvsd. Times are put on CLOCK_MONOTONIC; resolution 1 ms.
 */
import { parseResignation } from './advert-line.ts';
import { parseGratuitousArp } from './arp-line.ts';
import { OBSERVATION_DEADLINE_MS } from './bounds.ts';
import { nowMs, poll } from './command.ts';
import { LAB_INTERFACE, VIRTUAL_ADDRESS } from './lab.ts';
import { NodeProcess } from './node-process.ts';

export interface Announcement {
  /** CLOCK_MONOTONIC, ms. */
  readonly atMs: number;
  readonly mac: string;
}

/** A master's advert of priority 0. */
export interface Resigned {
  /** CLOCK_MONOTONIC, ms. */
  readonly atMs: number;
  readonly address: string;
}

export interface WireOptions {
  /** Arguments that put a program on the client. */
  readonly on: readonly string[];
  readonly logPath: string;
  readonly signal: AbortSignal;
}

const MS_PER_SECOND = 1_000;
const FILTER = 'arp or proto 112';

export class Wire {
  readonly #announcements: Announcement[] = [];
  readonly #resignations: Resigned[] = [];
  readonly #tcpdump: NodeProcess;
  #isListening = false;

  private constructor({ on, logPath }: WireOptions) {
    this.#tcpdump = new NodeProcess({
      argv: [...on, 'tcpdump', '-i', LAB_INTERFACE, '-n', '-e', '-l', '-tt', '-U', FILTER],
      logPath,
      onLine: (line) => this.#read(line),
      onErrorLine: (line) => {
        if (line.includes('listening on')) this.#isListening = true;
      },
    });
  }

  /** Resolves when tcpdump captures; rejects when it ended instead. */
  static async open(options: WireOptions): Promise<Wire> {
    const wire = new Wire(options);
    const started = await poll(
      () => (wire.#isListening || !wire.#tcpdump.isRunning ? true : undefined),
      { deadlineMs: OBSERVATION_DEADLINE_MS, signal: options.signal },
    );
    if (!started.ok || !wire.#isListening) {
      throw new Error(`tcpdump does not capture on the client: ${wire.#tcpdump.ending}`);
    }
    return wire;
  }

  /** Announcements of the VIP by this MAC at or after a time, oldest first. */
  announcementsSince(sinceMs: number, mac: string): readonly Announcement[] {
    return this.#announcements.filter((one) => one.atMs >= sinceMs && one.mac === mac);
  }

  /** Resignations of this router at or after a time, oldest first. */
  resignationsSince(sinceMs: number, address: string): readonly Resigned[] {
    return this.#resignations.filter((one) => one.atMs >= sinceMs && one.address === address);
  }

  async close(): Promise<void> {
    await this.#tcpdump.stop('SIGTERM');
  }

  #read(line: string): void {
    const arp = parseGratuitousArp(line);
    if (arp?.address === VIRTUAL_ADDRESS) {
      this.#announcements.push({ atMs: toMonotonicMs(arp.timeS), mac: arp.mac });
    }
    const resignation = parseResignation(line);
    if (resignation !== undefined) {
      const { timeS, address } = resignation;
      this.#resignations.push({ atMs: toMonotonicMs(timeS), address });
    }
  }
}

function toMonotonicMs(captureTimeS: number): number {
  return captureTimeS * MS_PER_SECOND + nowMs() - Date.now();
}
