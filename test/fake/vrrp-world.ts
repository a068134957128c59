/** The outside of one VRRP instance: everything it does is kept, everything it hears is given by hand. */
import type { IpAddress } from '../../src/base/address.ts';
import { type LogLevel, logTo } from '../../src/base/log.ts';
import type { Datagram } from '../../src/kernel/datagram-receiver.ts';
import { VrrpInstance } from '../../src/vrrp/instance.ts';
import type { Action, RouterConfig } from '../../src/vrrp/machine.ts';
import {
  type AdvertDatagram,
  advertDatagrams,
  encodeOwnAdvert,
  type OwnAdvert,
} from '../../src/vrrp/own-advert.ts';
import { VRRP_TTL, vrrpGroup } from '../../src/vrrp/packet.ts';
import type { InstancePorts, ReceivedAdvert } from '../../src/vrrp/ports.ts';
import { ip, router } from '../vrrp/router.ts';

const TELLING: ReadonlySet<Action['kind']> = new Set(['count', 'report', 'setTimer']);

export class VrrpWorld {
  nowMs = 5000;
  readonly config: RouterConfig;
  readonly instance: VrrpInstance;
  /** In order: `send 100`, `add 10.0.0.100`, `announce 10.0.0.100 on eth0`, `INIT -> BACKUP: STARTED`. */
  readonly done: string[] = [];
  readonly sent: AdvertDatagram[] = [];
  readonly logged: { level: LogLevel; code: string; message: string }[] = [];
  /** What the core decided, step by step: nothing when an advert was refused. */
  readonly steps: (readonly Action[])[] = [];
  readonly held = new Set<string>();
  /** What has arrived and nobody has read. */
  readonly waiting: ReceivedAdvert[] = [];
  armedMs: number | undefined;
  /** A punctual deadline is near. */
  approach: () => void = () => {};
  /** And is waited for awake. */
  wait: () => void = () => {};
  #onExpire: () => void = () => {};

  constructor(config: RouterConfig = router()) {
    this.config = config;
    this.instance = new VrrpInstance(config, config.primaryAddress, this.#ports());
  }

  start(linkUp = true): this {
    this.instance.start({ linkUp, resumeAsMaster: false });
    return this;
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.armedMs !== undefined && this.armedMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.armedMs);
      this.expire();
    }
    this.nowMs = untilMs;
  }

  /** The timer runs, however late. */
  expire(): void {
    this.armedMs = undefined;
    this.#onExpire();
  }

  /** Until the takeover of a router that hears nobody. */
  becomeMaster(): this {
    this.start();
    this.advance(200_000);
    if (this.instance.state !== 'MASTER') throw new Error(`Not MASTER: ${this.instance.state}`);
    this.takeDone();
    return this;
  }

  takeDone(): readonly string[] {
    return this.done.splice(0);
  }

  counter(name: string): number {
    return this.instance.snapshot().counters[name] ?? 0;
  }

  /** Everything of it that can be seen, but for the counters and the rival that is told of. */
  visible(): unknown {
    const { counters: _counters, splitBrain: _told, ...rest } = this.instance.snapshot();
    return { ...rest, armedMs: this.armedMs, done: [...this.done], held: [...this.held] };
  }

  /** An advert of another router with the configuration of this one, changed where a test says so. */
  advert(changes: Partial<RouterConfig> = {}, facts: Partial<Datagram> = {}): Datagram {
    const { family } = this.config;
    const source: IpAddress = facts.source ?? ip(family === 'inet' ? '10.0.0.2' : 'fe80::2');
    const config = { ...this.config, ...changes };
    const payload = encodeOwnAdvert(config, source, config.priority);
    return {
      payload,
      source,
      destination: vrrpGroup(family),
      ttl: VRRP_TTL,
      ifindex: 2,
      ...facts,
    };
  }

  #send(advert: OwnAdvert): { readonly ok: true } {
    this.sent.push(...advertDatagrams(advert));
    this.done.push(`send ${advert.priority}`);
    return { ok: true };
  }

  #ports(): InstancePorts {
    const ok = { ok: true } as const;
    return {
      clock: { monotonicMs: () => this.nowMs, realtimeMs: () => 1_000_000 },
      log: logTo((level, { code }, message) => {
        this.logged.push({ level, code: String(code ?? ''), message });
      }),
      transport: {
        send: (advert) => this.#send(advert),
        prepare: (advert) => {
          this.done.push(`prepare ${advert.priority}`);
          return {
            send: () => {
              this.done.push('prepared:');
              return this.#send(advert);
            },
            rehearse: () => {
              this.done.push(`rehearse ${advert.priority}`);
            },
          };
        },
        drain: () => {
          for (const datagram of this.waiting.splice(0)) this.instance.receive(datagram);
        },
      },
      newTimer: (onExpire, waking) => {
        this.#onExpire = onExpire;
        this.approach = waking.onApproach;
        this.wait = waking.onWait;
        const disarm = (): void => {
          this.armedMs = undefined;
        };
        return {
          arm: (deadlineMs) => {
            this.armedMs = deadlineMs;
          },
          disarm,
          close: disarm,
        };
      },
      addresses: {
        add: ({ address }) => {
          this.done.push(`add ${address.text}`);
          this.held.add(address.text);
          return { ok: true, changed: true };
        },
        remove: ({ address }) => {
          this.done.push(`remove ${address.text}`);
          return { ok: true, changed: this.held.delete(address.text) };
        },
      },
      announce: (device, address) => {
        this.done.push(`announce ${address.text} on ${device}`);
        return ok;
      },
      // Beside the changes of state nothing is looked at here.
      onNotice: () => {},
      onReport: () => {},
      tellGroup: () => {},
      onTransition: ({ from, to, reason }) => {
        this.done.push(`${from} -> ${to}: ${reason}`);
      },
      record: ({ event, actions }) => {
        // That somebody else believes to be master is told, and nothing else may come of it.
        const isTelling = actions.every(({ kind }) => TELLING.has(kind));
        if (event.kind !== 'foreignMasterHeard' || !isTelling) this.steps.push(actions);
      },
    };
  }
}
