import { expect, it } from 'vitest';
import { UnknownRouters } from '../../src/vrrp/unknown-routers.ts';
import { ip, router } from './router.ts';

const other = (virtualRouterId: number, device = 'eth0') => ({
  interface: device,
  family: 'inet' as const,
  virtualRouterId,
  source: ip('10.0.0.9'),
});

it('is news once, and never for a router that another instance of the link is', () => {
  const unknown = new UnknownRouters();
  unknown.configure([router(), router({ name: 'VI_2', virtualRouterId: 52 })]);
  expect([51, 52, 53, 53].map((id) => unknown.isNews(other(id)))).toEqual([
    false,
    false,
    true,
    false,
  ]);
  expect(unknown.isNews(other(51, 'eth1'))).toBe(true);
});

it('a new configuration tells again', () => {
  const unknown = new UnknownRouters();
  unknown.configure([router()]);
  expect(unknown.isNews(other(53))).toBe(true);
  unknown.configure([router()]);
  expect(unknown.isNews(other(53))).toBe(true);
});
