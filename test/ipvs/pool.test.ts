import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VirtualServerConfig } from '../../src/config/model.ts';
import type { SorryServerConfig } from '../../src/config/model-lvs.ts';
import { judgePool, type PoolJudgement, type Verdict } from '../../src/ipvs/pool.ts';
import { realServer, virtualServer } from './services.ts';
import { address } from './tables.ts';

const UP: Verdict = { isUp: true };
const DOWN: Verdict = { isUp: false, sinceMs: 0 };

function judge(
  service: VirtualServerConfig,
  verdicts: readonly Verdict[],
  rest: { hadQuorum?: boolean; nowMs?: number } = {},
): PoolJudgement {
  const servers = [...service.realServers, ...(service.backupPool ?? [])];
  return judgePool({
    service,
    verdictOf: (server) => verdicts[servers.indexOf(server)] ?? DOWN,
    hadQuorum: true,
    nowMs: 0,
    ...rest,
  });
}

/** `10.0.0.1*3` in the order of the table. */
function shown({ members }: PoolJudgement): string {
  return members.map(({ address: { text }, weight }) => `${text}*${weight}`).join(' ');
}

const [one, two, three] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((text) => realServer(text)) as [
  ReturnType<typeof realServer>,
  ReturnType<typeof realServer>,
  ReturnType<typeof realServer>,
];
const sorry: SorryServerConfig = {
  address: address('10.0.9.1'),
  isInhibited: false,
  forwardingMethod: 'masq',
};

describe('the quorum', () => {
  // quorum 4, hysteresis 1: regained at 5, lost below 3, and 3 and 4 change nothing.
  const weighted = [1, 2, 3].map((weight, index) => realServer(`10.0.0.${index + 1}`, { weight }));
  const service = virtualServer('10.50.0.1', weighted, { quorum: 4, hysteresis: 1 });
  test.each([
    ['at the start', [UP, UP, UP], false, true],
    ['with 5 after it was lost', [DOWN, UP, UP], false, true],
    ['with 4 after it was lost', [UP, DOWN, UP], false, false],
    ['with 4 while it is there', [UP, DOWN, UP], true, true],
    ['with 3 while it is there', [UP, UP, DOWN], true, true],
    ['with 2 while it is there', [DOWN, UP, DOWN], true, false],
    ['with 0', [DOWN, DOWN, DOWN], true, false],
  ] as const)('%s', (_title, verdicts, hadQuorum, expected) => {
    expect(judge(service, verdicts, { hadQuorum }).hasQuorum).toBe(expected);
  });

  test('counts the weight that the checks set', () => {
    const verdicts = [{ ...UP, weight: 0 }, DOWN, { ...UP, weight: 2 }];
    expect(judge(service, verdicts)).toMatchObject({ hasQuorum: false, liveWeight: 2 });
    expect(shown(judge(service, verdicts))).toBe('10.0.0.1*0 10.0.0.3*2');
  });

  test('is lost with a weight of 0, whatever the margin', () => {
    const lax = virtualServer('10.50.0.1', [one], { quorum: 2, hysteresis: 2 });
    expect(judge(lax, [DOWN]).hasQuorum).toBe(false);
  });

  test('that is lost without a sorry server takes no server out', () => {
    expect(shown(judge(service, [DOWN, UP, DOWN]))).toBe('10.0.0.2*2');
  });
});

describe('a server that is down', () => {
  test('is out', () => {
    expect(shown(judge(virtualServer('10.50.0.1', [one, two]), [UP, DOWN]))).toBe('10.0.0.1*1');
  });

  test('keeps its place with weight 0 under inhibit_on_failure of the service or its own', () => {
    const servers = [one, { ...two, inhibitOnFailure: false }, three];
    const service = virtualServer('10.50.0.1', servers, { inhibitOnFailure: true });
    expect(shown(judge(service, [UP, DOWN, DOWN]))).toBe('10.0.0.1*1 10.0.0.3*0');
  });

  test('counts once where it is written twice', () => {
    const service = virtualServer('10.50.0.1', [one, { ...one, weight: 9 }]);
    expect(judge(service, [UP, UP])).toMatchObject({ liveWeight: 1 });
  });
});

describe('the sorry server', () => {
  const service = virtualServer('10.50.0.1', [one, two], { quorum: 2, sorryServer: sorry });

  test('is away while there is a quorum', () => {
    expect(shown(judge(service, [UP, UP]))).toBe('10.0.0.1*1 10.0.0.2*1');
  });

  test('serves alone when it is lost: the servers that are up go too', () => {
    expect(judge(service, [UP, DOWN])).toMatchObject({ relief: 'sorry' });
    expect(shown(judge(service, [UP, DOWN]))).toBe('10.0.9.1*1');
    expect(judge(service, [UP, DOWN]).members[0]).toMatchObject({
      forwardingMethod: 'masq',
      port: 0,
    });
  });

  test('leaves inhibited servers in place with weight 0', () => {
    const inhibited = { ...service, inhibitOnFailure: true };
    expect(shown(judge(inhibited, [UP, DOWN]))).toBe('10.0.9.1*1 10.0.0.1*0 10.0.0.2*0');
  });

  test('with sorry_server_inhibit rests with weight 0', () => {
    const resting = { ...service, sorryServer: { ...sorry, isInhibited: true } };
    expect(shown(judge(resting, [UP, UP]))).toBe('10.0.0.1*1 10.0.0.2*1 10.0.9.1*0');
    expect(shown(judge(resting, [DOWN, DOWN]))).toBe('10.0.9.1*1');
  });
});

describe('the backup pool', () => {
  const backups = [realServer('10.0.8.1'), realServer('10.0.8.2')];
  const service = virtualServer('10.50.0.1', [one, two], {
    quorum: 2,
    sorryServer: sorry,
    backupPool: backups,
  });

  test('is away while there is a quorum', () => {
    expect(shown(judge(service, [UP, UP, UP, UP]))).toBe('10.0.0.1*1 10.0.0.2*1');
  });

  test('adds those of it that are up to what is left', () => {
    expect(shown(judge(service, [UP, DOWN, DOWN, UP]))).toBe('10.0.0.1*1 10.0.8.2*1');
    expect(judge(service, [UP, DOWN, DOWN, UP])).toMatchObject({ relief: 'backup' });
  });

  test('gives way to the sorry server when none of it is up', () => {
    expect(shown(judge(service, [UP, DOWN, DOWN, DOWN]))).toBe('10.0.9.1*1');
  });
});

describe('the panic threshold', () => {
  const service = virtualServer('10.50.0.1', [one, two, three], { panicThresholdPercent: 50 });

  test('keeps the servers that failed last', () => {
    const verdicts = [10, 30, 20].map((sinceMs) => ({ isUp: false, sinceMs }));
    expect(shown(judge(service, verdicts))).toBe('10.0.0.2*1 10.0.0.3*1');
    expect(judge(service, verdicts)).toMatchObject({ relief: 'panic', hasQuorum: false });
  });

  test('keeps none that was never up', () => {
    expect(shown(judge(service, [{ isUp: false }, { isUp: false }, DOWN]))).toBe('10.0.0.3*1');
  });
});

describe('a slow start', () => {
  const service = virtualServer('10.50.0.1', [{ ...one, weight: 100 }], { slowStartMs: 60_000 });
  const back: Verdict = { isUp: true, sinceMs: 1000 };
  test.each([
    [1000, '10.0.0.1*1', 4000],
    [4000, '10.0.0.1*5', 7000],
    [31_000, '10.0.0.1*50', 34_000],
    [60_999, '10.0.0.1*95', 61_000],
    [61_000, '10.0.0.1*100', undefined],
  ])('at %d ms is %s', (nowMs, members, nextChangeMs) => {
    const judgement = judge(service, [back], { nowMs });
    expect(shown(judgement)).toBe(members);
    expect(judgement.nextChangeMs).toBe(nextChangeMs);
  });

  test('is none for a server that was up from the start', () => {
    expect(shown(judge(service, [UP]))).toBe('10.0.0.1*100');
  });

  test('counts in full for the quorum', () => {
    const whole = { ...service, quorum: 100 };
    expect(judge(whole, [back], { nowMs: 1000 }).hasQuorum).toBe(true);
  });
});

test('every judgement is stable, and never has a server twice', () => {
  const verdict = fc.record({ isUp: fc.boolean(), sinceMs: fc.nat(100), weight: fc.nat(3) });
  const service = fc.record(
    {
      quorum: fc.integer({ min: 1, max: 6 }),
      hysteresis: fc.nat(2),
      sorryServer: fc.constantFrom(sorry, { ...sorry, isInhibited: true }),
      inhibitOnFailure: fc.boolean(),
      panicThresholdPercent: fc.nat(100),
      backupPool: fc.constant([realServer('10.0.8.1')]),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(service, fc.array(verdict, { minLength: 4, maxLength: 4 }), (options, verdicts) => {
      const virtual = virtualServer('10.50.0.1', [one, two, three], options);
      const first = judge(virtual, verdicts, { hadQuorum: false });
      const again = judge(virtual, verdicts, { hadQuorum: first.hasQuorum });
      expect(shown(again)).toBe(shown(first));
      const names = first.members.map(({ address: { text } }) => text);
      expect(new Set(names).size).toBe(names.length);
      if (!first.hasQuorum && options.sorryServer) expect(first.members.length).toBeGreaterThan(0);
    }),
  );
});
