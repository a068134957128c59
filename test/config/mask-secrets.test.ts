import { expect, test } from 'vitest';
import { maskSecrets, renderDiagnostics } from '../../src/config/diagnostics.ts';
import { describeChange, diffConfig } from '../../src/config/diff.ts';
import { dumpConfig } from '../../src/config/dump.ts';
import { compile } from './compile-fixture.ts';

test.each([
  ['    auth_pass topsecret99 tail', '    auth_pass *********** ****'],
  [
    'authentication { auth_type PASS auth_pass hunter2 }',
    'authentication { auth_type PASS ********* ******* }',
  ],
  ['  auth_pas "hunter2"', '  auth_pas *********'],
  ['  key 1 hex:00ff', '  key * ********'],
  ['  password hunter2', '  password *******'],
  ['  password_file /etc/lvsd/redis', '  password_file /etc/lvsd/redis'],
  [
    '  url redis://lvsd:hunter2@10.0.0.1:6379/0 tail',
    '  url redis://lvsd:*******@10.0.0.1:6379/0 tail',
  ],
  ['  url redis://10.0.0.1:6379/0', '  url redis://10.0.0.1:6379/0'],
  [
    '  header "Authorization: Bearer abc.def" tail',
    '  header "Authorization: ****** *******" tail',
  ],
  ['  header "X-Probe: lvsd"', '  header "X-Probe: lvsd"'],
  ['  passive', '  passive'],
  ['  priority 150', '  priority 150'],
])('%s', (line, masked) => {
  expect(maskSecrets(line)).toHaveLength(line.length);
  expect(maskSecrets(line)).toBe(masked);
});

test('the line under a diagnostic does not show the password', () => {
  const text = `vrrp_instance A {
  version 2
  interface eth0
  virtual_router_id 51
  authentication {
    auth_type PASS
    auth_pass hunter2 tail
  }
  virtual_ipaddress {
    10.0.0.1
  }
}
`;
  const { diagnostics, sources } = compile(text);
  const shown = renderDiagnostics(diagnostics, sources, { color: false });
  expect(shown).toContain('auth_pass');
  expect(shown).not.toContain('hunter2');
});

test('a header that lets a check in is told by its name alone, in the model and in what changes', () => {
  const file = (token: string): string => `virtual_server 10.0.0.1 80 {
  protocol TCP
  lb_kind DR
  real_server 10.0.0.2 80 {
    HTTP_GET {
      url {
        path /
      }
      header "Authorization: Bearer ${token}"
    }
  }
}
`;
  const [before, after] = ['first-token', 'second-token'].map(
    (token) => compile(file(token)).config,
  );
  if (before === undefined || after === undefined) throw new Error('It compiles');
  const said = JSON.stringify([
    dumpConfig(after, { spans: false }),
    diffConfig(before, after).map(describeChange),
  ]);
  expect(said).toContain('Authorization: ***');
  expect(said).not.toContain('token');
});
