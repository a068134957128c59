/** An IPVS table in memory that answers as the kernel does, and can be told to refuse. */
import { serviceName } from '../../src/config/names.ts';
import type { DumpOutcome, IpvsPort, OperationOutcome } from '../../src/ipvs/client.ts';
import { applyPlan, describeOperation, type Operation } from '../../src/ipvs/plan.ts';
import type { Table } from '../../src/ipvs/types.ts';

export class FakeIpvs implements IpvsPort {
  table: Table;
  /** Every operation that reached it, in order. */
  readonly operations: string[] = [];
  dumps = 0;
  /** Answers every dump while set. */
  dumpRefusal: { code: string; detail: string } | undefined;
  /** Operations whose description contains this are refused. */
  refuse: { text: string; code: string } | undefined;
  /** Acknowledged and yet not done. */
  isDeaf = false;
  beforeApply: () => void = () => {};

  constructor(table: Table = new Map()) {
    this.table = table;
  }

  dump(): DumpOutcome {
    this.dumps += 1;
    if (this.dumpRefusal !== undefined) return { ok: false, ...this.dumpRefusal };
    return { ok: true, table: this.table, status: new Map() };
  }

  apply(operations: readonly Operation[]): OperationOutcome[] {
    this.beforeApply();
    return operations.map((operation) => this.#applyOne(operation));
  }

  #applyOne(operation: Operation): OperationOutcome {
    const text = describeOperation(operation);
    this.operations.push(text);
    if (this.refuse !== undefined && text.includes(this.refuse.text)) {
      return { ok: false, operation, code: this.refuse.code, detail: 'Refused by the test' };
    }
    if (operation.kind === 'addService' && this.table.has(serviceName(operation.service))) {
      return { ok: false, operation, code: 'EEXIST', detail: 'It is there already' };
    }
    if (!this.isDeaf) this.table = applyPlan(this.table, [operation]);
    return { ok: true, operation };
  }
}
