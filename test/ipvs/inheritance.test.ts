import { expect, test } from 'vitest';
import { inheritedVerdicts } from '../../src/ipvs/inheritance.ts';
import { configWith } from '../fake/configs.ts';
import { realServer, virtualServer } from './services.ts';
import { server, service, table } from './tables.ts';

const WEB = 'tcp 10.50.0.1:80';
const one = realServer('10.0.0.1');
const two = realServer('10.0.0.2');

function verdicts(
  left: ReturnType<typeof server>[],
  { owned = [WEB], rest = {} }: { owned?: string[]; rest?: { inhibitOnFailure?: boolean } } = {},
): unknown {
  const config = {
    ...configWith(),
    virtualServers: [virtualServer('10.50.0.1', [one, two], rest)],
  };
  const found = table(service('10.50.0.1', 80, left));
  return Object.fromEntries(inheritedVerdicts(config, found, new Set(owned)));
}

test('what was in is up and what was out is down, until the first check', () => {
  expect(verdicts([server('10.0.0.1', 80)])).toEqual({
    [`${WEB}/10.0.0.1:80`]: true,
    [`${WEB}/10.0.0.2:80`]: false,
  });
});

test('the weight is not inherited: whatever was left above 0 is up', () => {
  const left = [server('10.0.0.1', 80, { weight: 77 }), server('10.0.0.2', 80)];
  expect(Object.values(verdicts(left) as object)).toEqual([true, true]);
});

test('a weight of 0 says nothing, unless a failure leaves servers there', () => {
  const left = [server('10.0.0.1', 80, { weight: 0 }), server('10.0.0.2', 80)];
  expect(verdicts(left)).toEqual({ [`${WEB}/10.0.0.2:80`]: true });
  expect(verdicts(left, { rest: { inhibitOnFailure: true } })).toEqual({
    [`${WEB}/10.0.0.1:80`]: false,
    [`${WEB}/10.0.0.2:80`]: true,
  });
});

test('services of somebody else say nothing', () => {
  expect(verdicts([server('10.0.0.1', 80)], { owned: [] })).toEqual({});
});
