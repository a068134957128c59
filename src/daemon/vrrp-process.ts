/**
 * The vrrp child: adverts, virtual addresses, announcements. Node core and koffi only; nothing here
 * waits for a name, a disk or another process.
 *
 *   supervisor ⇄ [channel] ⇄ VrrpProcess ⇄ (1 per instance) InstanceHost ⇄ kernel
 */
import { uptime } from 'node:os';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/model.ts';
import { LinkTable } from '../kernel/links.ts';
import { trySetRealtime } from '../kernel/scheduling.ts';
import type { InstanceNotice } from '../vrrp/instance.ts';
import type { MemberConfig } from '../vrrp/machine.ts';
import type { OtherRouter } from '../vrrp/ports.ts';
import { type Tracking, trackedPriority } from '../vrrp/priority.ts';
import { startDelayMs } from '../vrrp/timing.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { UnknownRouters } from '../vrrp/unknown-routers.ts';
import { type ChildChannel, openChildChannel, sendLast } from './child-channel.ts';
import { GroupContests } from './group-contests.ts';
import { handOver } from './handover.ts';
import { HostState } from './host-state.ts';
import { InstanceHost } from './instance-host.ts';
import { instanceIdentity, membersOf } from './instance-matching.ts';
import { leftoverAddresses, virtualAddressTexts } from './leftovers.ts';
import { LinkBeliefs } from './link-beliefs.ts';
import { LocalIgmp } from './local-igmp.ts';
import {
  type FromVrrp,
  heartbeatTiming,
  LET_GO_SIGNAL,
  type Mastership,
  type ToVrrp,
} from './messages.ts';

import { SyncGroups } from './sync-groups.ts';
import { nodeTimers } from './timers.ts';

/** Above ordinary daemons, below the kernel's own threads and watchdogs. */
const REALTIME_PRIORITY = 50;

/** A reload waits so long for removed instances, and looks that often. */
const RELEASE_WAIT_MS = 10_000;
const RELEASE_LOOK_MS = 50;

class VrrpProcess {
  readonly #channel: ChildChannel<FromVrrp>;
  readonly #hosts = new Map<string, InstanceHost>();
  /** Removed by a reload, still serving. */
  readonly #releasing = new Set<InstanceHost>();
  readonly #groups: SyncGroups;
  readonly #contests = new GroupContests();
  readonly #trackers = new Map<string, TrackerState>();
  #config: Config | undefined;
  /** Instances of the track groups of static items that are missing. */
  #staticFaults: ReadonlySet<string> = new Set();
  #links: LinkTable | undefined;
  #hostState: HostState | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #startDelay: NodeJS.Timeout | undefined;
  #virtualAddresses: ReadonlySet<string> = new Set();
  #stopping = false;
  readonly #unknown = new UnknownRouters();
  readonly #igmp = new LocalIgmp();
  readonly #beliefs: LinkBeliefs;
  #logsUnknown = false;
  #awaitsChecks = false;
  /** How long the supervisor may be away. */
  #graceMs = 0;

  constructor() {
    this.#groups = new SyncGroups({
      force: (member, order, by) => this.#hosts.get(member)?.forceByGroup(order, by),
      onNotice: (notice) => this.#channel.send({ kind: 'notice', notice }),
    });
    this.#beliefs = new LinkBeliefs({
      setTimer: nodeTimers,
      monotonicMs: () => systemClock.monotonicMs(),
      onBelieved: (ifindex) => this.#linkChanged(ifindex),
    });
    this.#channel = openChildChannel<ToVrrp, FromVrrp>({
      onMessage: (message) => this.#receive(message),
      onOrphaned: () => this.#orphaned(),
    });
    this.#channel.send({ kind: 'loaded' });
  }

  /** The supervisor is gone: hand over in order, then end. Nobody is left to be told. */
  #orphaned(): void {
    if (this.#graceMs === 0) {
      this.#stop();
      return;
    }
    // It begins anew, and ends this process when its next one is ready.
    process.once(LET_GO_SIGNAL, () => this.#stop());
    setTimeout(() => this.#stop(), this.#graceMs);
  }

  #receive(message: ToVrrp): void {
    switch (message.kind) {
      case 'start':
        this.#start(message);
        return;
      case 'reconfigure':
        this.#reconfigure(message.config);
        this.#answerReload(message.id);
        return;
      case 'snapshot':
        this.#channel.send({
          kind: 'snapshot',
          id: message.id,
          instances: [...this.#hosts.values()].map((host) => host.snapshot()),
        });
        return;
      case 'trackers':
        this.#learn(message.states);
        this.#track();
        return;
      case 'serversChecked':
        this.#awaitsChecks = false;
        for (const host of this.#hosts.values()) host.serversChecked();
        return;
      case 'handover':
        handOver(message.instance, this.#hosts, systemClock, (outcome) =>
          this.#channel.send({ kind: 'handedOver', id: message.id, outcome }),
        );
        return;
      case 'awaitSuccessor':
        this.#graceMs = message.graceMs;
        this.#channel.send({
          kind: 'awaitsSuccessor',
          id: message.id,
          masterships: this.#masterships(),
        });
        return;
      case 'stop':
        this.#stop();
        return;
      default:
        message satisfies never;
    }
  }

  #start(message: Extract<ToVrrp, { kind: 'start' }>): void {
    const { config, resumeAsMaster, trackers } = message;
    this.#awaitsChecks = message.awaitsChecks;
    const log = this.#channel.log;
    // Whoever was master a moment ago has no time to lose.
    if (resumeAsMaster.length > 0) this.#raisePriority();
    this.#links = LinkTable.open({
      onLinkChange: (link, ifindex) => {
        this.#beliefs.see(link, ifindex);
        this.#linkChanged(ifindex);
        this.#hostState?.linkChanged();
      },
      onAddressChange: (address, present) => {
        for (const host of this.#hosts.values()) host.addressChanged(address, present);
        this.#hostState?.addressChanged(address, present);
      },
      onError: (error) => log.warn({ code: error.code, error: error.message }, 'netlink trouble'),
    });
    const resumed = new Set(resumeAsMaster);
    this.#config = config;
    this.#learn(trackers);
    this.#beliefs.configure(config.interfaceDelays ?? [], this.#links.links());
    this.#virtualAddresses = virtualAddressTexts(config);
    this.#listen(config);
    this.#removeLeftovers(config, resumed);
    this.#hostState = new HostState({
      config,
      links: this.#links,
      clock: systemClock,
      log,
      resumeAsMaster: resumed,
      followers: () => [...this.#hosts.values()].map((host) => host.followers),
      onStaticFault: (instances) => {
        this.#staticFaults = new Set(instances);
        this.#track();
      },
      onReport: (report) => this.#channel.send({ kind: 'report', report }),
    });
    this.#groups.configure(config.vrrpSyncGroups ?? []);
    // A replacement goes on where its predecessor was: the delays are for the start of the daemon.
    const delayMs = resumed.size > 0 ? 0 : startDelayMs(config.globalDefs, uptime() * 1000);
    const begin = (): void => {
      this.#startDelay = undefined;
      this.#addMissing(resumed);
    };
    if (delayMs === 0) begin();
    else {
      log.info({ delayMs }, 'VRRP waits, as vrrp_startup_delay or vrrp_delay_after_boot say');
      this.#startDelay = setTimeout(begin, delayMs);
    }
    this.#beat(config);
    // Starting is long work that nobody waits for: at the higher priority it would hold up other such processes.
    if (resumeAsMaster.length === 0) this.#raisePriority();
    this.#channel.send({ kind: 'ready' });
  }

  /** Instances on it look first, then all that track it; groups decide when all have. */
  #linkChanged(ifindex: number): void {
    const link = this.#links?.byIndex(ifindex);
    this.#groups.batch(() => {
      for (const host of this.#hosts.values()) host.linkChanged(link, ifindex);
      for (const host of this.#hosts.values()) host.trackingChanged();
    });
  }

  #raisePriority(): void {
    const realtime = trySetRealtime(REALTIME_PRIORITY);
    if (realtime.ok) return;
    const { code } = realtime;
    this.#channel.log.info({ code }, 'no real-time priority, running at the ordinary one');
  }

  /** What concerns the hearing of all instances together. */
  #listen(config: Config): void {
    this.#unknown.configure(config.vrrpInstances);
    this.#logsUnknown = config.globalDefs.logsUnknownVrids === true;
    this.#igmp.set(config.globalDefs.disablesLocalIgmp === true, this.#channel.log);
  }

  #hearOther(other: OtherRouter): void {
    if (!this.#logsUnknown || !this.#unknown.isNews(other)) return;
    const { source, ...where } = other;
    this.#channel.log.warn(
      { ...where, source: source.text },
      'advert of an unknown virtual router',
    );
  }

  /** Addresses that a dead predecessor left: gone before our first advert, unless we go on as master. */
  #removeLeftovers(config: Config, resumeAsMaster: ReadonlySet<string>): void {
    const links = this.#links;
    if (links === undefined) return;
    for (const leftover of leftoverAddresses(config, resumeAsMaster, links)) {
      const outcome = links.removeAddress(leftover);
      const fields = { address: leftover.address.text, interface: leftover.interface };
      if (outcome.ok) this.#channel.log.info(fields, 'removed a leftover virtual address');
      else this.#channel.log.error({ ...fields, ...outcome }, 'a leftover address stays');
    }
  }

  /** Starts every instance of the configuration that no host stands for. */
  #addMissing(resumeAsMaster: ReadonlySet<string>): void {
    if (this.#config === undefined || this.#stopping) return;
    const members = membersOf(this.#config).filter(({ name }) => !this.#hosts.has(name));
    this.#groups.batch(() => {
      for (const member of members) this.#add(member, resumeAsMaster.has(member.name));
    });
  }

  #add(instance: MemberConfig, resumeAsMaster: boolean): void {
    const links = this.#links;
    const grounds = this.#hostState?.grounds;
    if (links === undefined || grounds === undefined) return;
    const host: InstanceHost = new InstanceHost({
      config: instance,
      links,
      clock: systemClock,
      log: this.#channel.log,
      virtualAddresses: () => this.#virtualAddresses,
      tracking: () => this.#trackingOf(host.config),
      awaitsChecks: () => this.#awaitsChecks,
      isLinkUp: (link) => this.#beliefs.isUp(link),
      onTransition: (transition) => {
        this.#sendHeartbeat();
        const { to, name, priority, reason } = transition;
        // The end is told when it is over, and as what it is: a stop, or a removal.
        if (to !== 'INIT') this.#tell({ name, state: to, priority, reason });
      },
      onNotice: (notice) => this.#notice(host, notice),
      onReport: (report) => this.#channel.send({ kind: 'report', report }),
      onOtherRouter: (other) => this.#hearOther(other),
      tellGroup: (news) => this.#groups.hear(host.config.name, news),
      grounds,
    });
    this.#hosts.set(instance.name, host);
    host.start(resumeAsMaster);
  }

  #tell(notice: InstanceNotice): void {
    this.#channel.send({ kind: 'notice', notice: { object: 'INSTANCE', ...notice } });
  }

  #notice(host: InstanceHost, notice: InstanceNotice): void {
    const { state } = notice;
    if (state !== 'MASTER_PRIORITY' && state !== 'BACKUP_PRIORITY') {
      this.#tell(notice);
      return;
    }
    if (host.config.notifiesPriorityChanges) this.#tell(notice);
    this.#groups.priorityChanged(notice.name, state);
  }

  #learn(states: readonly TrackerState[]): void {
    for (const state of states) this.#trackers.set(`${state.kind} ${state.name}`, state);
  }

  /** Every instance looks at what it tracks; groups decide when all have. */
  #track(): void {
    this.#groups.batch(() => {
      for (const host of this.#hosts.values()) host.trackingChanged();
    });
  }

  #trackingOf({ name, priority, trackers }: MemberConfig): Tracking {
    const tracking = trackedPriority({
      priority,
      trackers,
      group: this.#groups.groupOf(name),
      blocks: this.#config ?? {},
      stateOf: (kind, tracker) => this.#trackers.get(`${kind} ${tracker}`),
      isLinkUp: (device) => this.#beliefs.isUp(this.#links?.byName(device)),
    });
    if (!this.#staticFaults.has(name)) return tracking;
    return { ...tracking, faults: [...tracking.faults, 'static items of its track group'] };
  }

  /** Kept instances keep their state, by identity; removed ones are released; others are replaced. */
  #reconfigure(config: Config): void {
    this.#config = config;
    this.#beliefs.configure(config.interfaceDelays ?? [], this.#links?.links() ?? []);
    this.#virtualAddresses = virtualAddressTexts(config);
    this.#listen(config);
    this.#hostState?.reconfigure(config);
    if (this.#startDelay !== undefined) {
      this.#groups.configure(config.vrrpSyncGroups ?? []);
      this.#beat(config);
      return;
    }
    const wanted = new Map(membersOf(config).map((next) => [instanceIdentity(next), next]));
    const kept: (readonly [InstanceHost, MemberConfig])[] = [];
    const removed: InstanceHost[] = [];
    for (const host of this.#hosts.values()) {
      const next = wanted.get(instanceIdentity(host.config));
      if (next === undefined) removed.push(host);
      else kept.push([host, next]);
    }
    this.#hosts.clear();
    for (const [host, next] of kept) this.#hosts.set(next.name, host);
    this.#groups.batch(() => {
      this.#groups.configure(config.vrrpSyncGroups ?? []);
      for (const host of removed) this.#release(host);
      for (const [host, next] of kept) host.reconfigure(next);
    });
    // One that takes the name or the addresses of a removed one waits for its release.
    if (removed.length === 0) this.#addMissing(new Set());
    this.#beat(config);
  }

  /** When removed instances are gone, or have taken too long. */
  #answerReload(id: number): void {
    const deadlineMs = systemClock.monotonicMs() + RELEASE_WAIT_MS;
    const answer = (): void => {
      const releasing = Array.from(this.#releasing, (host) => host.config.name);
      const isDone = releasing.length === 0 || systemClock.monotonicMs() >= deadlineMs;
      if (isDone) this.#channel.send({ kind: 'reconfigured', id, releasing });
      else setTimeout(answer, RELEASE_LOOK_MS);
    };
    answer();
  }

  #release(host: InstanceHost): void {
    this.#releasing.add(host);
    host.stop(() => {
      const { name, effectivePriority: priority } = host.snapshot();
      host.close();
      this.#releasing.delete(host);
      this.#tell({ name, state: 'DELETED', priority, reason: 'REMOVED_BY_RELOAD' });
      if (this.#releasing.size === 0) this.#addMissing(new Set());
    });
  }

  #beat(config: Config): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.#sendHeartbeat(), heartbeatTiming(config).periodMs);
    this.#sendHeartbeat();
  }

  #lookForContests(): void {
    const nowMs = systemClock.monotonicMs();
    for (const report of this.#contests.look(this.#config, this.#hosts, nowMs)) {
      this.#channel.log.warn({ group: report.instance, ...report.fields }, 'sync group contested');
      this.#channel.send({ kind: 'report', report });
    }
  }

  #sendHeartbeat(): void {
    this.#lookForContests();
    this.#channel.send({ kind: 'heartbeat', masterships: this.#masterships() });
  }

  #masterships(): readonly Mastership[] {
    const hosts = [...this.#hosts.values(), ...this.#releasing];
    return hosts.flatMap((host) => host.mastership() ?? []);
  }

  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#startDelay);
    const waiting = new Set([...this.#hosts.values(), ...this.#releasing]);
    const end = (): void => {
      this.#groups.end();
      clearInterval(this.#heartbeat);
      this.#beliefs.close();
      this.#hostState?.close();
      this.#links?.close();
      this.#igmp.restore(this.#channel.log);
      sendLast({ kind: 'stopped' } satisfies FromVrrp, 0);
    };
    if (waiting.size === 0) end();
    for (const host of [...waiting]) {
      host.stop(() => {
        const { name, effectivePriority: priority } = host.snapshot();
        host.close();
        waiting.delete(host);
        this.#tell({ name, state: 'STOP', priority, reason: 'STOPPED' });
        if (waiting.size === 0) end();
      });
    }
  }
}

new VrrpProcess();
