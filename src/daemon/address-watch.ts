/**
 * `ha_suspend`: which services have their address on this host right now, whoever put it there. The
 * kernel tells; while it cannot be asked, everything counts as there, so that checks go on.
 */
import type { Log } from '../base/log.ts';
import type { Config } from '../config/model.ts';
import { serverName } from '../config/names.ts';
import { LinkTable } from '../kernel/links.ts';

export class AddressWatch {
  readonly #log: Log;
  readonly #onChange: (suspended: ReadonlySet<string>) => void;
  #links: LinkTable | undefined;
  #config: Config | undefined;
  #isQueued = false;

  /** `onChange` gets the servers, by serverName, whose checks rest. */
  constructor(log: Log, onChange: (suspended: ReadonlySet<string>) => void) {
    this.#log = log;
    this.#onChange = onChange;
  }

  /** Tells at once how things are with this configuration. */
  configure(config: Config): void {
    this.#config = config;
    const isNeeded = config.virtualServers.some(({ haSuspend }) => haSuspend === true);
    if (!isNeeded) this.close();
    else this.#links ??= this.#open();
    this.#onChange(this.#suspended());
  }

  close(): void {
    this.#links?.close();
    this.#links = undefined;
  }

  #open(): LinkTable {
    return LinkTable.open({
      onAddressChange: () => this.#queue(),
      onLinkChange: () => this.#queue(),
      onError: ({ code, message }) =>
        this.#log.warn({ code, error: message }, 'addresses for ha_suspend cannot be read'),
    });
  }

  /** Addresses come and go in bursts. */
  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    setImmediate(() => {
      this.#isQueued = false;
      this.#onChange(this.#suspended());
    });
  }

  #suspended(): ReadonlySet<string> {
    const links = this.#links;
    const names = new Set<string>();
    if (links === undefined) return names;
    const present = new Set(links.addresses().map(({ address }) => address.text));
    for (const service of this.#config?.virtualServers ?? []) {
      if (service.haSuspend !== true || service.kind !== 'address') continue;
      if (present.has(service.address.text)) continue;
      for (const server of [...service.realServers, ...(service.backupPool ?? [])]) {
        names.add(serverName(service, server));
      }
    }
    return names;
  }
}
