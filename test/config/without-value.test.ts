/**
 * Every keyword in every block of keepalived, without its value: `--compat` starts where keepalived
 * does. The checkers' common keywords are asked for one checker.
 */
import { expect, test } from 'vitest';
import { compileText } from '../../src/config/compile.ts';
import { keywordTable } from '../../src/config/schema.ts';
import type { KeywordRow } from '../../src/config/schema-rows.ts';
import { includesFrom } from './compile-fixture.ts';
import { askKeepalived } from './keepalived-verdict.ts';
import { NAMED_FILES } from './vrrp-cases.ts';

const DEFS = 'global_defs {\nscript_user root\nenable_script_security\n}\n';

function instance(lines: string): string {
  const addresses = 'virtual_ipaddress {\n10.0.0.1/24\n}';
  return `vrrp_instance A {\ninterface eth0\nvirtual_router_id 5\n${lines}\n${addresses}\n}\n`;
}

function service(lines: string, server: string): string {
  const head = 'virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n';
  return `${head}${lines}\nreal_server 10.0.0.2 80 {\n${server}\n}\n}\n`;
}

function checker(kind: string, lines: string): string {
  return service('', `${kind} {\n${lines}\n}`);
}

/** `needed` unless it is the keyword that is asked for. */
function unless(line: string, needed: string): string {
  return needed.startsWith(`${line} `) ? '' : `${needed}\n`;
}

const URL = 'url {\npath /\nstatus_code 200\n}\n';

/** A file in which nothing is wrong but `line` of the context. */
const FILES: Readonly<Record<string, (line: string) => string>> = {
  root: (line) => `${line}\n${instance('')}`,
  global_defs: (line) => `global_defs {\n${line}\n}\n${instance('')}`,
  vrrp_instance: instance,
  authentication: (line) => instance(`authentication {\nauth_type PASS\nauth_pass x\n${line}\n}`),
  vrrp_sync_group: (line) => `${instance('')}vrrp_sync_group G {\ngroup {\nA\n}\n${line}\n}\n`,
  vrrp_script: (line) =>
    `${DEFS}vrrp_script c {\n${unless(line, 'script /bin/true')}${line}\n}\n${instance('track_script {\nc\n}')}`,
  vrrp_track_process: (line) =>
    `vrrp_track_process c {\n${unless(line, 'process sleep')}${line}\n}\n${instance('track_process {\nc\n}')}`,
  track_file_block: (line) =>
    `track_file c {\n${unless(line, 'file /etc/hosts')}${line}\n}\n${instance('track_file {\nc\n}')}`,
  garp_group: (line) =>
    `garp_group {\n${unless(line, 'interface eth0')}${line}\n}\n${instance('')}`,
  virtual_server: (line) => service(line, ''),
  real_server: (line) => service('', line),
  virtual_server_group: (line) =>
    `virtual_server_group G {\n10.0.0.5 80\n${line}\n}\n${service('', '')}`,
  SSL: (line) => `SSL {\n${line}\n}\n${service('', '')}`,
  TCP_CHECK: (line) => checker('TCP_CHECK', line),
  HTTP_GET: (line) => checker('HTTP_GET', `${URL}${line}`),
  SSL_GET: (line) => checker('SSL_GET', `${URL}${line}`),
  url: (line) => checker('HTTP_GET', `url {\n${unless(line, 'path /')}status_code 200\n${line}\n}`),
  SMTP_CHECK: (line) => checker('SMTP_CHECK', line),
  DNS_CHECK: (line) => checker('DNS_CHECK', line),
  UDP_CHECK: (line) => checker('UDP_CHECK', line),
  MISC_CHECK: (line) =>
    DEFS + checker('MISC_CHECK', `${unless(line, 'misc_path /bin/true')}${line}`),
  BFD_CHECK: (line) => checker('BFD_CHECK', line),
};

/** Why lvsd does not start where keepalived does. */
const DIFFERENT: Readonly<Record<string, string>> = {};

const commonKeywords = new Set(
  keywordTable.filter(({ context }) => context === 'TCP_CHECK').map(({ name }) => name),
);

function isAsked({ name, context, value }: KeywordRow): boolean {
  if (FILES[context] === undefined) return false;
  if (context.endsWith('_CHECK') && context !== 'TCP_CHECK' && commonKeywords.has(name))
    return false;
  return value.kind === 'words' ? value.min > 0 : value.kind !== 'flag' && value.kind !== 'boolean';
}

const files = new Map(
  keywordTable.filter(isAsked).map(({ name, context, opens }) => {
    const line = opens === undefined ? name : `${name} {\n}`;
    return [`${context} ${name}`, FILES[context]?.(line) ?? ''];
  }),
);
const verdicts = askKeepalived(files);

function starts(name: string): boolean {
  const options = { configId: 'director1', include: includesFrom({}), files: NAMED_FILES };
  return (
    compileText(name, files.get(name) ?? '', { ...options, compat: true }).config !== undefined
  );
}

test.each([...files.keys()])('without its value: %s', (name) => {
  const { exitStatus, said } = verdicts.get(name) ?? { exitStatus: -1, said: '' };
  const isSame = starts(name) === (exitStatus === 0 || exitStatus === 5);
  expect({ isSame, exitStatus, said }).toMatchObject({ isSame: !(name in DIFFERENT) });
});
