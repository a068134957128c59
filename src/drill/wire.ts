/**
 * The wire as the client's segment sees it: gratuitous ARP for the VIP, read by tcpdump, which knows
 * nothing of lvsd. Times are put on CLOCK_MONOTONIC; resolution 1 ms.
 */
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

export interface WireOptions {
  /** Arguments that put a program on the client. */
  readonly on: readonly string[];
  readonly logPath: string;
  readonly signal: AbortSignal;
}

const MS_PER_SECOND = 1_000;

export class Wire {
  readonly #announcements: Announcement[] = [];
  readonly #tcpdump: NodeProcess;
  #isListening = false;

  private constructor({ on, logPath }: WireOptions) {
    this.#tcpdump = new NodeProcess({
      argv: [...on, 'tcpdump', '-i', LAB_INTERFACE, '-n', '-e', '-l', '-tt', '-U', 'arp'],
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

  async close(): Promise<void> {
    await this.#tcpdump.stop('SIGTERM');
  }

  #read(line: string): void {
    const arp = parseGratuitousArp(line);
    if (arp === undefined || arp.address !== VIRTUAL_ADDRESS) return;
    const realtimeToMonotonicMs = nowMs() - Date.now();
    const atMs = arp.timeS * MS_PER_SECOND + realtimeToMonotonicMs;
    this.#announcements.push({ atMs, mac: arp.mac });
  }
}
