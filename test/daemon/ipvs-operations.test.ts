/** A whole daemon on a real IPVS kernel, asked as an operator asks it. One boot. */
import { beforeAll, describe, expect, test } from 'vitest';
import { runInLab } from '../uml/run-in-uml.ts';
import type { OperationsReport } from './ipvs-operations-program.ts';

const BOOT_AND_RUN_MS = 600_000;
const root = new URL('../..', import.meta.url).pathname;
const VIP = '10.80.0.188:8080';
const [A, B] = ['10.80.0.101:8080', '10.80.0.102:8080'] as const;

let report: OperationsReport;

beforeAll(async () => {
  const command = [process.execPath, 'test/daemon/ipvs-operations-program.ts'];
  const run = await runInLab(command, { cwd: root, timeoutMs: BOOT_AND_RUN_MS });
  expect(run.status, run.console).toBe(0);
  report = JSON.parse(run.stdout);
}, BOOT_AND_RUN_MS + 10_000);

describe('hooks of services and servers', () => {
  test('run with their arguments: servers first, then the quorum that they make', () => {
    const { atStart } = report.hooks;
    expect(atStart.slice(0, 2).sort()).toEqual(['up 10.80.0.101', 'up 10.80.0.102']);
    expect(atStart[2]).toBe('quorum up');
  });

  test('run when a server fails and when it returns', () => {
    expect(report.hooks.afterLoss).toEqual(['down 10.80.0.102', 'quorum down']);
    expect(report.hooks.afterReturn).toEqual(['up 10.80.0.102', 'quorum up']);
  });

  test('run at the stop of a service with omega, and nothing is left in the kernel', () => {
    const { atStop, status, left } = report.hooks;
    // Scripts of different objects do not wait for one another.
    expect(atStop.toSorted()).toEqual(['down 10.80.0.101', 'down 10.80.0.102', 'quorum down']);
    expect({ status, left }).toEqual({ status: 0, left: '' });
  });

  test('are told to the FIFO, each line with its NUL', () => {
    const [service, one, two] = ['VS [10.80.0.188]:tcp:8080', '101', '102'].map((each, index) =>
      index === 0 ? each : `RS [10.80.0.${each}]:tcp:8080 [10.80.0.188]:tcp:8080`,
    );
    const lines = report.hooks.fifo.split('\0');
    expect(lines.pop()).toBe('');
    const sorted = [...lines.slice(0, 1), ...lines.slice(1, 3).sort(), ...lines.slice(3)];
    sorted.splice(8, 2, ...sorted.slice(8, 10).sort());
    const told = (...words: readonly string[]) => `${words.join(' ')}\n`;
    expect(sorted).toEqual([
      told(`${service}`, 'DOWN'),
      told(`${one}`, 'UP'),
      told(`${two}`, 'UP'),
      told(`${service}`, 'UP'),
      told(`${two}`, 'DOWN'),
      told(`${service}`, 'DOWN'),
      told(`${two}`, 'UP'),
      told(`${service}`, 'UP'),
      told(`${one}`, 'DOWN'),
      told(`${two}`, 'DOWN'),
      told(`${service}`, 'DOWN'),
    ]);
  });
});

describe('lvsd plan', () => {
  test('tells the changes and the kernel operations with their reasons', () => {
    const { planned } = report.control;
    expect(planned.status).toBe(0);
    expect(planned.stdout.split('\n')).toEqual([
      `real_server tcp ${VIP}/${B} removed`,
      `real_server tcp ${VIP}/${A} changed: weight 1 -> 5`,
      'IPVS: 2 operations',
      `  change ${A} of tcp ${VIP}: weight 1 -> 5`,
      `  change ${B} of tcp ${VIP}: weight 1 -> 0: removed, drained for at most 20 s, then deleted`,
      '',
    ]);
    expect(report.control.plannedJson).toMatchObject({
      ok: true,
      operations: [{ kind: 'raiseWeight' }, { kind: 'lowerWeight', server: B }],
    });
  });

  test('changes nothing', () => {
    expect(report.control.afterPlan).toBe(report.control.table);
  });
});

describe('lvsd reload', () => {
  test('refuses a mistake as check tells it, and touches nothing', () => {
    const { refused, refusedPlan, afterRefusals, table } = report.control;
    for (const said of [refused, refusedPlan]) {
      expect(said.status).toBe(1);
      expect(said.stderr).toContain(
        "/tmp/operations/broken.conf:9:5: error LVS1020: Unknown keyword 'wieght' in real_server",
      );
      expect(said.stderr).toContain("help: did you mean 'weight'?");
      expect(said.stderr).toMatch(/lvsd: .* is refused: correct the errors above/);
    }
    expect(afterRefusals).toBe(table);
  });

  test('says in one sentence that the daemon cannot read a file', () => {
    const { status, stderr } = report.control.absent;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^lvsd: The daemon refuses: .*absent\.conf.* there is no such file/);
  });

  test('says what changed, when both processes have it', () => {
    const { reloaded, afterReload } = report.control;
    expect(reloaded.status).toBe(0);
    expect(reloaded.stdout).toMatch(/is in force: 2 IPVS operations, 1 server draining, \d+ ms/);
    expect(afterReload).toMatch(`${A} 5`);
    expect(afterReload).not.toMatch(`${B} 1`);
  });

  test('does those that come at once one after the other, each from what the last left', () => {
    const weights = report.control.atOnce.map((done) => {
      const { changes } = done as { changes: { fields: { before: number; after: number }[] }[] };
      return changes.flatMap(({ fields }) => fields);
    });
    // Which comes first is open; each starts where the one before it ended, and 5 was first.
    expect(weights.flat().every(({ before, after }) => before + after === 12)).toBe(true);
    expect(weights.filter((each) => each.length > 0).length).toBeGreaterThanOrEqual(1);
  });

  test('reads the file that it was told of from then on, at SIGHUP too', () => {
    expect(report.control.names).toBe('/tmp/operations/other.conf');
    expect(report.control.reloads).toBe(6);
  });

  test('says what to do when no daemon runs', () => {
    const { status, stderr } = report.control.unreachable;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^lvsd: No lvsd is running on .*: start it with `lvsd run`/);
  });
});

describe('lvsd ipvs', () => {
  const rows = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => /10\.80/.test(line))
      .map((line) => line.trim().replace(/\s+/g, ' '))
      .sort();
  const withoutHealth = (line: string): string =>
    line.replace(/ (?:up|-|foreign|foreign: lvsd leaves it alone)$/, '');

  test('is the table of ipvsadm, with health beside it and foreign services marked', () => {
    const { table, byIpvsadm } = report.listing;
    expect(rows(table.stdout).map(withoutHealth)).toEqual(rows(byIpvsadm));
    expect(rows(table.stdout)).toContain(`-> ${A} Masq 1 3 0 up`);
    expect(table.stdout).toMatch(/10\.80\.0\.199:80 wlc persistent 120 {2}foreign/);
    expect(table.stdout).not.toContain('\u001b');
  });

  test('counts what ipvsadm counts', () => {
    const { stats, statsByIpvsadm } = report.listing;
    expect(rows(stats.stdout).map(withoutHealth)).toEqual(rows(statsByIpvsadm));
    expect(stats.stdout).toMatch(/TCP {2}10\.80\.0\.188:8080 +6 /);
  });

  test('has rates between those that ipvsadm shows before and after: without traffic they fall', () => {
    const { rateBefore, rate, rateAfter } = report.listing;
    const figures = (text: string): number[][] =>
      rows(text)
        .map(withoutHealth)
        .map((line) => line.split(' ').slice(-5).map(Number));
    const [before, ours, after] = [rateBefore, rate.stdout, rateAfter].map(figures);
    expect(ours).toHaveLength(4 + 1);
    for (const [row, line] of (ours ?? []).entries()) {
      for (const [column, value] of line.entries()) {
        expect(value).toBeLessThanOrEqual(before?.[row]?.[column] ?? -1);
        expect(value).toBeGreaterThanOrEqual(after?.[row]?.[column] ?? Number.NaN);
      }
    }
  });

  test('has rates and, as JSON, everything', () => {
    expect(report.listing.rate.stdout).toMatch(/CPS +InPPS +OutPPS +InBPS +OutBPS/);
    expect(report.listing.json).toMatchObject({
      services: expect.arrayContaining([
        expect.objectContaining({ name: `tcp ${VIP}`, isOurs: true }),
        expect.objectContaining({ name: 'tcp 10.80.0.199:80', isOurs: false }),
      ]),
    });
  });

  test('lists the connections that ipvsadm lists, filtered and capped', () => {
    const { connections, connectionsByIpvsadm, two, one } = report.listing;
    const ends = (text: string): string[] =>
      rows(text).map((line) => line.split(' ').slice(-3).join(' '));
    expect(ends(connections.stdout)).toEqual(ends(connectionsByIpvsadm));
    expect(ends(two.stdout)).toHaveLength(2);
    expect(two.stdout).toContain('4 more: name a service or a server, or raise --limit');
    expect(ends(one.stdout)).toHaveLength(3);
    expect(one.stdout).not.toContain(B);
  });

  test('shows one server, and says what to do about a name that is not there', () => {
    expect(report.listing.named.stdout).toContain(A);
    expect(report.listing.named.stdout).not.toContain(B);
    expect(report.listing.unknown.status).toBe(1);
    expect(report.listing.unknown.stderr).toContain('`lvsd ipvs` lists those that there are');
  });

  test('leaves the foreign service alone, also at the stop', () => {
    expect(report.listing.left).toContain('-A -t 10.80.0.199:80 -s wlc -p 120');
    expect(report.listing.left).not.toContain('10.80.0.188');
  });
});

describe('ha_suspend', () => {
  test('rests while the address is not there, and checks at once when it is', () => {
    expect(report.suspension).toMatchObject({
      absent: 'down suspended, down suspended',
      present: 'up, up',
      again: 'up suspended, up suspended',
    });
    expect(report.suspension.shown).toContain('ha_suspend: the address is not on this director');
  });
});

describe('lvs_stop_policy', () => {
  const both = (weight: number): string => [A, B].map((each) => `${each} ${weight}`).join(', ');

  test('keep: the table stays, and the next start takes it over without an operation', () => {
    const { keptStatus, kept, adopted, touched, echoed } = report.stopping;
    expect({ keptStatus, kept, adopted, touched }).toEqual({
      keptStatus: 0,
      kept: both(1),
      adopted: both(1),
      touched: [],
    });
    expect(echoed).toBe('still there');
  });

  test('weights are those of the file, whatever was left, and a second SIGTERM ends a drain', () => {
    expect(report.stopping.leftovers).toEqual({ left: `${A} 9, ${B} 0`, status: 0, after: '' });
  });

  test('drain: through weight 0, shown, until the last connection has ended', () => {
    const { during, shown, echoedWhileDraining, drainedStatus, after } = report.stopping;
    expect(during).toMatch(/ 0$/);
    expect(shown).toMatch(/10\.80\.0\.10[12]:8080 +Masq +0 +1 +\d+ +draining/);
    expect({ echoedWhileDraining, drainedStatus, after }).toEqual({
      echoedWhileDraining: 'still there',
      drainedStatus: 0,
      after: '',
    });
  });
});
