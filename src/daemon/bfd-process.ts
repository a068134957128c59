/**
 * The bfd child: sessions with neighbours, and nothing else, so that nothing holds up packets that are 10 ms
 * apart. Node core and koffi only.
 *
 *   supervisor ⇄ [channel] ⇄ BfdProcess ⇄ Sessions ⇄ UDP 3784, 4784
 */

import { systemClock } from '../base/clock.ts';
import { Sessions } from '../bfd/sessions.ts';
import { openBfdListener, openBfdSender } from '../kernel/bfd-socket.ts';
import { trySetRealtime } from '../kernel/scheduling.ts';
import { DeadlineTimer } from '../kernel/timer.ts';
import { type ChildChannel, openChildChannel, sendLast } from './child-channel.ts';
import { BFD_HEARTBEAT_MS, type FromBfd, type ToBfd } from './messages-bfd.ts';

/** Above ordinary daemons, below the vrrp process: no session may hold up an advert. */
const REALTIME_PRIORITY = 40;

class BfdProcess {
  readonly #channel: ChildChannel<FromBfd>;
  readonly #sessions: Sessions;
  readonly #heartbeat: NodeJS.Timeout;

  constructor() {
    this.#channel = openChildChannel<ToBfd, FromBfd>({
      onMessage: (message) => this.#receive(message),
      // Nobody is left to be told: the neighbours are, and it ends.
      onOrphaned: () => this.#stop(),
    });
    this.#sessions = new Sessions({
      clock: systemClock,
      log: this.#channel.log,
      random: Math.random,
      newTimer: (onExpire) => new DeadlineTimer(onExpire),
      openListener: openBfdListener,
      openSender: openBfdSender,
      onReport: (report) => this.#channel.send({ kind: 'report', report }),
    });
    const realtime = trySetRealtime(REALTIME_PRIORITY);
    if (!realtime.ok) {
      const fields = { code: realtime.code };
      this.#channel.log.info(fields, 'no real-time priority, running at the ordinary one');
    }
    this.#heartbeat = setInterval(
      () => this.#channel.send({ kind: 'heartbeat' }),
      BFD_HEARTBEAT_MS,
    );
  }

  #receive(message: ToBfd): void {
    switch (message.kind) {
      case 'configure':
        this.#sessions.configure(message.instances);
        this.#channel.send({ kind: 'configured', id: message.id });
        return;
      case 'snapshot':
        this.#channel.send({
          kind: 'snapshot',
          id: message.id,
          sessions: this.#sessions.snapshot(),
          strangers: this.#sessions.strangers(),
        });
        return;
      case 'stop':
        this.#stop();
        return;
      default:
        message satisfies never;
    }
  }

  #stop(): void {
    clearInterval(this.#heartbeat);
    this.#sessions.close();
    sendLast({ kind: 'stopped' } satisfies FromBfd, 0);
  }
}

new BfdProcess();
