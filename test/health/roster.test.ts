import { describe, expect, it } from 'vitest';
import type { CheckerConfig } from '../../src/config/model.ts';
import { matchCheckers, planServers } from '../../src/health/roster.ts';
import { checkedServers, httpGet, httpUrl, nameOf, tcpCheck } from './configs.ts';

/** Writes each wanted checker's fate with the number of the previous one it continues. */
function match(previous: readonly CheckerConfig[], wanted: readonly CheckerConfig[]): string[] {
  const named = previous.map((config, index) => ({ config, index }));
  return matchCheckers(named, wanted).map((fate) =>
    fate.kind === 'add' ? 'add' : `${fate.kind} ${fate.previous.index}`,
  );
}

const tcp = tcpCheck();
const http = httpGet();

describe('a checker after a reload', () => {
  const table: readonly [
    rule: string,
    previous: readonly CheckerConfig[],
    wanted: readonly CheckerConfig[],
    expected: readonly string[],
  ][] = [
    ['that is the same is kept', [tcp, http], [tcp, http], ['keep 0', 'keep 1']],
    ['that moved is kept', [tcp, http], [http, tcp], ['keep 1', 'keep 0']],
    [
      'on another line is kept',
      [tcp],
      [{ ...tcp, span: { ...tcp.span, line: 99, file: 'other.conf' } }],
      ['keep 0'],
    ],
    ['with another interval is retimed', [tcp], [tcpCheck({ delayLoopMs: 1 })], ['retime 0']],
    ['with another deadline is retimed', [tcp], [tcpCheck({ connectTimeoutMs: 1 })], ['retime 0']],
    ['with another port restarts', [tcp], [tcpCheck({ connectPort: 81 })], ['restart 0']],
    [
      'with another url restarts',
      [http],
      [httpGet({ urls: [httpUrl({ path: '/b' })] })],
      ['restart 0'],
    ],
    ['of another kind is new', [tcp], [http], ['add']],
    ['of which there are two now is kept once', [tcp], [tcp, tcp], ['keep 0', 'add']],
    [
      'is never robbed of its state by a less similar one',
      [tcp, tcpCheck({ connectPort: 81 })],
      [tcpCheck({ connectPort: 82 }), tcpCheck({ connectPort: 81, retry: 7 }), tcp],
      ['add', 'retime 1', 'keep 0'],
    ],
  ];
  it.each(table)('%s', (_rule, previous, wanted, expected) => {
    expect(match(previous, wanted)).toEqual(expected);
  });
});

it('servers are watched by name, the first of two alike', () => {
  const [once] = checkedServers(['10.0.0.1'], { retry: 1 });
  const [again] = checkedServers(['10.0.0.1', '10.0.0.2'], { retry: 2 });
  const plans = planServers([once, again].filter((service) => service !== undefined));
  expect([...plans.keys()]).toEqual([nameOf('10.0.0.1'), nameOf('10.0.0.2')]);
  expect(plans.get(nameOf('10.0.0.1'))?.checkers[0]?.retry).toBe(1);
});
