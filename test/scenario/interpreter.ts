/**
 * Runs a transcript against the state machine. A transcript is blocks: commands, `----`, and what the machine
 * did. Time moves only by `advance`; armed timers fire at their deadlines on the way.
 *
 *    router prio 100 preempt_delay 5s      (first; every word is optional)
 *    start [link down] [resume] [unchecked]     (unchecked: the servers have not all been checked)
 *    checked                                    (now they have)
 *    advert from 10.0.0.2 prio 150 [interval 500ms]
 *    advance 3609ms
 *    link up | link down
 *    addresses refused | addresses accepted     (what the kernel answers to additions from now on)
 *    removals refused | removals accepted       (and to removals)
 *    removed 10.0.0.100                         (somebody took it away)
 *    priority 50 [fault chk,eth1]               (tracking changed it, and what is a fault)
 *    group MASTER | BACKUP | FAULT | READY | ANNOUNCE by VI_2      (the sync group decided)
 *    handover                                   (an operator wants another master)
 *    foreign from 10.0.0.2 WRONG_VERSION        (an advert that is refused)
 *    late 10s                                   (a stall: timers fire only afterwards)
 *    config prio 120 interval 500ms             (a reload)
 *    stale masterDown                           (a timer fires with a deadline that is no longer armed)
 *    stop
 *    state
 */
import type { VrrpVersion } from '../../src/config/model.ts';
import { faultCauses } from '../../src/vrrp/fault-state.ts';
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type {
  Action,
  Event,
  GroupOrder,
  RouterConfig,
  State,
  TimerName,
} from '../../src/vrrp/machine.ts';
import { defaultGarp, ip, router, vip } from '../vrrp/router.ts';

export const SEPARATOR = '----';

/** The transcript with every block's output replaced by what happens now. */
export function rewriteTranscript(text: string): string {
  const machine = new Machine();
  const rewritten: string[] = [];
  let isOutput = false;
  for (const line of text.split('\n')) {
    if (line.trim() === '') isOutput = false;
    if (isOutput) continue;
    rewritten.push(line);
    if (line === SEPARATOR) {
      isOutput = true;
      rewritten.push(...machine.takeOutput());
    } else if (line.trim() !== '' && !line.startsWith('#')) {
      machine.command(line.trim().split(/\s+/));
    }
  }
  return rewritten.join('\n');
}

class Machine {
  #config: RouterConfig = router();
  #state: State = initialState(this.#config);
  #nowMs = 0;
  #areAccepted = true;
  #areReleased = true;
  #output: string[] = [];

  takeOutput(): readonly string[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  command(words: readonly string[]): void {
    const [verb = '', ...rest] = words;
    switch (verb) {
      case 'router':
        this.#config = readRouter(rest, router());
        this.#state = initialState(this.#config);
        break;
      case 'addresses':
        this.#areAccepted = rest[0] === 'accepted';
        break;
      case 'removals':
        this.#areReleased = rest[0] === 'accepted';
        break;
      case 'config': {
        const previous = this.#config;
        this.#config = readRouter(rest, previous);
        this.#feed({ kind: 'configChanged', previous });
        break;
      }
      case 'stale': {
        const timer = rest[0] as TimerName;
        this.#feed({ kind: 'timerFired', timer, deadlineMs: this.#nowMs });
        break;
      }
      case 'late':
        this.#nowMs += readMs(rest[0] ?? '');
        this.#fireOverdue();
        break;
      case 'advance':
        this.#advance(this.#nowMs + readMs(rest[0] ?? ''));
        break;
      case 'state':
        this.#output.push(showState(this.#config, this.#state));
        break;
      default:
        this.#feed(readEvent(verb, rest));
    }
  }

  #advance(untilMs: number): void {
    for (;;) {
      const due = earliest(this.#state);
      if (due === undefined || due.deadlineMs > untilMs) break;
      this.#nowMs = due.deadlineMs;
      this.#feed({ kind: 'timerFired', ...due });
    }
    this.#nowMs = untilMs;
  }

  #fireOverdue(): void {
    for (;;) {
      const due = earliest(this.#state);
      if (due === undefined || due.deadlineMs > this.#nowMs) return;
      this.#feed({ kind: 'timerFired', ...due });
    }
  }

  #feed(event: Event): void {
    const { state, actions } = step(this.#config, this.#state, event, this.#nowMs);
    this.#state = state;
    const at = `${Number(this.#nowMs.toFixed(3))}ms`.padStart(12);
    for (const action of actions) this.#output.push(`${at}  ${showAction(action)}`);
    for (const { kind } of actions) {
      if (kind !== 'addAddresses' && kind !== 'removeAddresses') continue;
      const wanted = kind === 'addAddresses' ? 'present' : 'absent';
      const ok = wanted === 'absent' ? this.#areReleased : this.#areAccepted;
      this.#feed({ kind: 'addressesApplied', wanted, ok });
    }
  }
}

function readEvent(verb: string, words: readonly string[]): Event {
  switch (verb) {
    case 'start': {
      const isLinkUp = !words.includes('down');
      const held = words.includes('unchecked') ? { awaitsChecks: true as const } : {};
      return { kind: 'started', isLinkUp, resumeAsMaster: words.includes('resume'), ...held };
    }
    case 'checked':
      return { kind: 'serversChecked' };
    case 'stop':
      return { kind: 'stopped' };
    case 'advert':
      return {
        kind: 'advertReceived',
        source: ip(after(words, 'from') ?? ''),
        priority: Number(after(words, 'prio')),
        advertIntervalMs: readMs(after(words, 'interval') ?? '1000ms'),
      };
    case 'link':
      return { kind: 'linkChanged', isUp: words[0] === 'up' };
    case 'removed':
      return { kind: 'addressRemoved', address: ip(words[0] ?? '') };
    case 'priority':
      return {
        kind: 'trackingChanged',
        priority: Number(words[0]),
        faults: after(words, 'fault')?.split(',') ?? [],
      };
    case 'group': {
      const order = words[0] as GroupOrder;
      return { kind: 'groupForced', order, by: after(words, 'by') ?? 'VI_2' };
    }
    case 'handover':
      return { kind: 'handoverRequested' };
    case 'foreign':
      return {
        kind: 'foreignMasterHeard',
        source: ip(after(words, 'from') ?? ''),
        code: words.at(-1) ?? '',
      };
    default:
      throw new Error(`Unknown command: ${verb} ${words.join(' ')}`);
  }
}

function earliest(
  state: State,
): { readonly timer: TimerName; readonly deadlineMs: number } | undefined {
  const armed = Object.entries(state.timers) as [TimerName, number][];
  const [first] = armed.sort(([, a], [, b]) => a - b);
  return first === undefined ? undefined : { timer: first[0], deadlineMs: first[1] };
}

function readRouter(words: readonly string[], base: RouterConfig): RouterConfig {
  const read = <Value>(word: string, parse: (text: string) => Value, otherwise: Value): Value => {
    const text = after(words, word);
    return text === undefined ? otherwise : parse(text);
  };
  const isOn = (text: string): boolean => text === 'on';
  return {
    ...base,
    priority: read('prio', Number, base.priority),
    version: read('version', (text) => Number(text) as VrrpVersion, base.version),
    advertIntervalMs: read('interval', readMs, base.advertIntervalMs),
    initialState: words.includes('state') && words.includes('MASTER') ? 'MASTER' : 'BACKUP',
    preempt: read('preempt', isOn, base.preempt),
    preemptDelayMs: read('preempt_delay', readMs, base.preemptDelayMs),
    ...written('downTimerAdverts', read('down_timer_adverts', Number, base.downTimerAdverts)),
    ...written('timerExpiredBackup', read('timer_expired', Number, base.timerExpiredBackup)),
    ...written('syncGroup', read('sync_group', String, base.syncGroup)),
    ...written('lowerPrioNoAdvert', read('lower_prio_no_advert', isOn, base.lowerPrioNoAdvert)),
    ...written('higherPrioSendAdvert', read('higher_prio', isOn, base.higherPrioSendAdvert)),
    ...written('ownerIgnoresAdverts', read('owner_ignore', isOn, base.ownerIgnoresAdverts)),
    ...written('tracksInterface', read('track_primary', isOn, base.tracksInterface)),
    ...written(
      'excludedAddresses',
      read(
        'excluded',
        (text) => text.split(',').map((prefix) => vip(prefix)),
        base.excludedAddresses,
      ),
    ),
    primaryAddress: read('address', ip, base.primaryAddress),
    virtualAddresses: read(
      'vips',
      (text) => text.split(',').map((prefix) => vip(prefix)),
      base.virtualAddresses,
    ),
    garp: {
      ...defaultGarp,
      masterRefreshMs: read('garp_refresh', readMs, base.garp.masterRefreshMs),
      lowerPrioRepeat: read('lower_prio_repeat', Number, base.garp.lowerPrioRepeat),
      masterDelayMs: read('garp_delay', readMs, base.garp.masterDelayMs),
    },
  };
}

function written<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Partial<Record<Name, Value>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}

function after(words: readonly string[], word: string): string | undefined {
  const index = words.indexOf(word);
  return index < 0 ? undefined : words[index + 1];
}

function readMs(text: string): number {
  const match = /^([\d.]+)(ms|s)$/.exec(text);
  if (match === null) throw new Error(`Not a duration: ${text}`);
  return Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}

function showAction(action: Action): string {
  const list = (addresses: readonly { readonly address: { readonly text: string } }[]): string =>
    addresses.map(({ address }) => address.text).join(' ');
  switch (action.kind) {
    case 'sendAdvert':
      return `sendAdvert prio ${action.priority}`;
    case 'addAddresses':
    case 'removeAddresses':
      return `${action.kind} ${list(action.addresses)}`;
    case 'announce':
      return `announce ${action.burst} ${list(action.addresses)} x${action.repeat}`;
    case 'notify':
      return `${action.from} -> ${action.to}: ${action.reason}`;
    case 'setTimer':
      return `setTimer ${action.timer} ${Number(action.deadlineMs.toFixed(3))}ms`;
    case 'clearTimer':
      return `clearTimer ${action.timer}`;
    case 'count':
      return `count ${action.name}`;
    case 'notice':
      return `notice ${action.state}: ${action.reason}`;
    case 'report': {
      const { address, priority, refused } = action.rival;
      return `report ${action.name} ${address.text} ${refused ?? `prio ${priority}`}`;
    }
    case 'tellGroup':
      return `tellGroup ${action.tells}`;
    case 'handedOver':
      return `handedOver ${action.end.ok ? action.end.successor.text : action.end.code}`;
    case 'released':
      return 'released';
  }
}

function showState(config: RouterConfig, state: State): string {
  const facts: string[] = [state.name, `prio ${state.priority}`];
  if (state.name === 'BACKUP') {
    facts.push(`wait ${state.wait}`, `interval ${state.masterAdvertIntervalMs}ms`);
    if (state.master) facts.push(`master ${state.master.address.text} ${state.master.priority}`);
  }
  if (state.name === 'MASTER' && state.isReleasing) facts.push('releasing');
  if (state.name === 'MASTER') {
    for (const { address } of state.rivals) facts.push(`rival ${address.text}`);
  }
  if (state.name === 'BACKUP' && state.wantsMaster) facts.push('waits for its group');
  if (state.hasHandedOver) facts.push('handed over');
  if (state.awaitsChecks) facts.push('awaits checks');
  facts.push(...faultCauses(config, state).filter(() => state.name === 'FAULT'));
  return facts.join(', ');
}
