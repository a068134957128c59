/** Makes this machine a real server for LVS-DR, or undoes it: performs what realserver-plan.ts decides. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hostPrefixLength, type IpAddress } from '../base/address.ts';
import { LinkTable } from '../kernel/links.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import {
  emptyRecord,
  examine,
  parseRecord,
  planDown,
  planUp,
  REALSERVER_SYSCTLS,
  type RealserverFinding,
  type RealserverPlan,
  type RealserverPresent,
  type RealserverRecord,
  type RealserverStep,
} from './realserver-plan.ts';

const LOOPBACK = 'lo';
/** rtnetlink(7) RT_SCOPE_UNIVERSE. */
const SCOPE_GLOBAL = 0;

export type RealserverOutcome =
  | { readonly ok: true; readonly done: readonly string[] }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** VIPs onto lo, ARP silenced. Doing it twice changes nothing. */
export function realserverUp(vips: readonly IpAddress[], recordFile: string): RealserverOutcome {
  return change(recordFile, (present, record) => planUp(vips, present, record));
}

/** VIPs off lo; with the last of them the sysctls get their former values. */
export function realserverDown(vips: readonly IpAddress[], recordFile: string): RealserverOutcome {
  return change(recordFile, (present, record) => planDown(vips, present, record));
}

/** What is there now; changes nothing. */
export function realserverStatus(vips: readonly IpAddress[]): readonly RealserverFinding[] {
  const links = LinkTable.open({});
  try {
    return examine(vips, observe(links));
  } finally {
    links.close();
  }
}

function change(
  recordFile: string,
  decide: (present: RealserverPresent, record: RealserverRecord) => RealserverPlan,
): RealserverOutcome {
  const record = readRecord(recordFile);
  if (record === undefined) {
    return refuse('RECORD_UNREADABLE', `${recordFile} is not a record that lvsd wrote: remove it`);
  }
  const links = LinkTable.open({});
  try {
    const plan = decide(observe(links), record);
    // Before the first change: a crash in between must not lose the former values.
    const problem = writeRecord(recordFile, plan.record, record);
    if (problem !== undefined) return problem;
    const done: string[] = [];
    for (const step of plan.steps) {
      const outcome = perform(step, links);
      if (!outcome.ok) {
        const hint =
          outcome.code === 'EPERM' || outcome.code === 'EACCES' ? ': run it as root' : '';
        return refuse(outcome.code, `${describe(step)} failed, ${outcome.detail}${hint}`);
      }
      done.push(describe(step));
    }
    if (plan.record === emptyRecord) rmSync(recordFile, { force: true });
    return { ok: true, done };
  } finally {
    links.close();
  }
}

function refuse(code: string, message: string): RealserverOutcome & { ok: false } {
  return { ok: false, code, message };
}

function perform(
  step: RealserverStep,
  links: LinkTable,
): { readonly ok: true } | { readonly ok: false; readonly code: string; readonly detail: string } {
  if (step.kind === 'set-sysctl') return writeSysctl(step.path, step.value);
  const ifindex = links.byName(LOOPBACK)?.index;
  if (ifindex === undefined) return { ok: false, code: 'NO_LOOPBACK', detail: 'there is no lo' };
  const prefixLength = hostPrefixLength(step.address.family);
  const spec = { ifindex, address: step.address, prefixLength, scope: SCOPE_GLOBAL };
  return step.kind === 'add-address' ? links.addAddress(spec) : links.removeAddress(spec);
}

function describe(step: RealserverStep): string {
  switch (step.kind) {
    case 'set-sysctl':
      return `set ${step.path.replaceAll('/', '.')} to ${step.value}`;
    case 'add-address':
      return `add ${step.address.text} to lo`;
    case 'remove-address':
      return `remove ${step.address.text} from lo`;
    default:
      return step satisfies never;
  }
}

function observe(links: LinkTable): RealserverPresent {
  const loopback = links.byName(LOOPBACK);
  const addresses = loopback === undefined ? [] : links.addresses(loopback.index);
  const sysctls = new Map<string, string>();
  for (const { path } of REALSERVER_SYSCTLS) {
    const value = readSysctl(path);
    if (value !== undefined) sysctls.set(path, value.trim());
  }
  return { loAddresses: new Set(addresses.map(({ address }) => address.text)), sysctls };
}

function readRecord(file: string): RealserverRecord | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    return isAbsent ? emptyRecord : undefined;
  }
  return parseRecord(text);
}

/** Written aside and renamed, so that it is whole or not there. Nothing is written when nothing changed. */
function writeRecord(
  file: string,
  record: RealserverRecord,
  before: RealserverRecord,
): (RealserverOutcome & { ok: false }) | undefined {
  if (JSON.stringify(record) === JSON.stringify(before)) return undefined;
  // The former values are still needed until the last step is done.
  const kept = record === emptyRecord ? before : record;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, `${JSON.stringify(kept)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return undefined;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    return refuse('RECORD_NOT_WRITTEN', `${file} cannot be written (${detail}): run it as root`);
  }
}
