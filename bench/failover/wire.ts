/** What is on the segment, with the kernel's own timestamps: tcpdump, read line by line. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ended, type Host, type Segment, said } from '../../test/netns/segment.ts';
import { readAdvert, type SeenAdvert } from './figures.ts';

export class Wire {
  readonly #tcpdump: ChildProcess;
  readonly adverts: SeenAdvert[] = [];
  #wake: () => void = () => {};

  private constructor(tcpdump: ChildProcess) {
    this.#tcpdump = tcpdump;
    if (tcpdump.stdout === null) throw new Error('tcpdump has no output');
    createInterface(tcpdump.stdout).on('line', (line) => {
      const advert = readAdvert(line);
      if (advert === undefined) return;
      this.adverts.push(advert);
      this.#wake();
    });
  }

  static async open(segment: Segment, host: Host): Promise<Wire> {
    const options = ['-n', '-tt', '--nano', '-l', '--immediate-mode', '-i', 'eth0'];
    const tcpdump = segment.spawn(host, 'tcpdump', ...options, 'ip', 'proto', '112');
    const wire = new Wire(tcpdump);
    await said(tcpdump, 'listening on');
    return wire;
  }

  /** The next advert that `matches`; undefined when none comes within `withinMs`. */
  async next(
    matches: (advert: SeenAdvert) => boolean,
    withinMs: number,
  ): Promise<SeenAdvert | undefined> {
    const deadline = performance.now() + withinMs;
    let looked = this.adverts.length;
    while (true) {
      for (; looked < this.adverts.length; looked += 1) {
        const advert = this.adverts[looked];
        if (advert !== undefined && matches(advert)) return advert;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timeout = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timeout);
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    this.#tcpdump.kill('SIGTERM');
    await ended(this.#tcpdump);
  }
}
