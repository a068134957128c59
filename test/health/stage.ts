import { expect } from 'vitest';
import { type LogFields, logTo } from '../../src/base/log.ts';
import type { VirtualServerConfig } from '../../src/config/model.ts';
import type { ExpiryWarning } from '../../src/health/checker.ts';
import { HealthEngine } from '../../src/health/engine.ts';
import type { ServerChange } from '../../src/health/watched-server.ts';
import { type Behaviour, FakeProbes } from '../fake/probes.ts';
import { FakeTime } from '../fake/time.ts';
import { nameOf } from './configs.ts';

/** An engine in fake time, with what it said written down. */
export class Stage {
  readonly time = new FakeTime();
  readonly servers = new FakeProbes();
  readonly changes: ServerChange[] = [];
  /** UP, DOWN and `all checked`, in their order. */
  readonly told: string[] = [];
  readonly lines: { level: string; fields: LogFields; message: string }[] = [];
  readonly expiries: ExpiryWarning[] = [];
  readonly engine: HealthEngine;

  /** `earlyMs`: by so much its timers are early. */
  constructor(random: () => number = () => 0, earlyMs = 0) {
    this.engine = new HealthEngine({
      clock: this.time,
      timers: {
        start: (delayMs, onExpire) => this.time.start(Math.max(0, delayMs - earlyMs), onExpire),
        afterPoll: (onDone) => this.time.afterPoll(onDone),
      },
      probes: this.servers.probes,
      random,
      log: logTo((level, fields, message) => this.lines.push({ level, fields, message })),
      onChange: (change) => {
        expect(this.engine.isUp(change.serverName)).toBe(change.isUp);
        this.changes.push(change);
        this.told.push(change.isUp ? 'UP' : 'DOWN');
      },
      onExpiry: (warning) => this.expiries.push(warning),
      onAllChecked: () => this.told.push('all checked'),
    });
  }

  /** Tells the server at `address`:80 how to behave from now on. */
  tell(address: string, behaviour: Behaviour): void {
    this.servers.set(`${address}:80`, behaviour);
  }

  isUp(address: string): boolean {
    return this.engine.isUp(nameOf(address));
  }

  async start(config: readonly VirtualServerConfig[]): Promise<void> {
    this.engine.start(config);
    await this.time.settle();
  }

  async reload(config: readonly VirtualServerConfig[]): Promise<void> {
    this.engine.reload(config);
    await this.time.settle();
  }
}
