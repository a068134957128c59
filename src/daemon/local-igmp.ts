/**
 * `disable_local_igmp`: no IGMP reports for 224.0.0.0/24 (RFC 4541 2.1.2 has switches flood these groups
 * anyway). The switch is the whole host's, so it goes back to what it was when lvsd ends.
 */
import type { Log } from '../base/log.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';

const REPORTS = 'net/ipv4/igmp_link_local_mcast_reports';

export class LocalIgmp {
  #before: string | undefined;

  /** A switch that cannot be set is logged: adverts work all the same. */
  set(isDisabled: boolean, log: Log): void {
    if (!isDisabled) {
      this.restore(log);
      return;
    }
    if (this.#before !== undefined) return;
    const before = readSysctl(REPORTS);
    if (before === '0') return;
    if (this.#write('0', log)) this.#before = before ?? '1';
  }

  restore(log: Log): void {
    if (this.#before !== undefined) this.#write(this.#before, log);
    this.#before = undefined;
  }

  #write(value: string, log: Log): boolean {
    const outcome = writeSysctl(REPORTS, value);
    if (!outcome.ok) log.warn({ code: outcome.code }, `disable_local_igmp: ${outcome.detail}`);
    return outcome.ok;
  }
}
