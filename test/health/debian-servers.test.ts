/** Checks of the servers that people run: nginx, redis-server and exim from Debian's packages. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CheckerConfig } from '../../src/config/model.ts';
import { type Authority, makeAuthority } from './certificates.ts';
import { closedPort } from './closed-ports.ts';
import { httpGet, httpUrl, redisCheck, smtpCheck, sslGet } from './configs.ts';
import { check, outcome } from './probing.ts';

const STARTED = { timeout: 30_000, interval: 50 };
const children: ChildProcess[] = [];
let authority: Authority;
let directory: string;

beforeAll(() => {
  authority = makeAuthority();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-servers-'));
  // The servers give up root before they look into it.
  chmodSync(directory, 0o755);
});

afterAll(async () => {
  for (const child of children) {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.kill()) await exited;
  }
  authority.remove();
  rmSync(directory, { recursive: true });
});

/** Starts a server in the foreground and waits until a check of it passes. */
async function start(
  program: string,
  args: readonly string[],
  ready: CheckerConfig,
): Promise<void> {
  children.push(spawn(program, args, { stdio: 'ignore' }));
  await vi.waitFor(async () => expect(await outcome(ready)).toBe('pass'), STARTED);
}

describe('nginx', () => {
  let port: number;
  let tlsPort: number;

  beforeAll(async () => {
    port = await closedPort();
    tlsPort = await closedPort();
    const { certFile, keyFile } = authority.sign('web', 'DNS:web.test,IP:127.0.0.1', 10);
    writeFileSync(join(directory, 'index.html'), 'hello');
    const file = join(directory, 'nginx.conf');
    const server = `root ${directory}; location = /to { return 302 /index.html; }
      location = /role { add_header X-Role primary; return 200 'ok'; }`;
    writeFileSync(
      file,
      `daemon off; user root; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
      events {}
      http {
        access_log off;
        server { listen 127.0.0.1:${port}; server_name web.test; ${server} }
        server { listen 127.0.0.1:${port} default_server; return 444; }
        server { listen 127.0.0.1:${tlsPort} ssl http2; ${server}
          ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; }
      }`,
    );
    await start('nginx', ['-c', file], sslGet({ connectPort: tlsPort }));
  }, STARTED.timeout);

  const url = (path: string) => httpUrl({ path, virtualhost: 'web.test' });

  it.each(['1.0', '1.0C', '1.1', '2'] as const)('passes with http_protocol %s', async (version) => {
    const digest = '5d41402abc4b2a76b9719d911017c592';
    const urls = [{ ...url('/'), digest }, url('/index.html')];
    const changes = { urls, httpProtocol: version };
    expect(await check(httpGet({ connectPort: port, ...changes }))).toMatchObject({ kind: 'pass' });
    const tls = { ...changes, connectPort: tlsPort, verify: true, ca: authority.caFile };
    expect(await check(sslGet(tls))).toMatchObject({ kind: 'pass' });
  });

  it('fails where it should', async () => {
    const at = (path: string) => httpGet({ connectPort: port, urls: [url(path)] });
    expect(await outcome(at('/absent'))).toBe('BAD_STATUS');
    expect(await outcome(httpGet({ connectPort: port }))).toBe('CLOSED_EARLY');
    expect(await outcome({ ...at('/to'), followRedirects: 1 })).toBe('pass');
    expect(await outcome({ ...at('/role'), expectHeaders: ['X-Role: primary'] })).toBe('pass');
    expect(await outcome({ ...at('/role'), expectHeaders: ['X-Role: other'] })).toBe('BAD_HEADER');
  });
});

describe('redis-server', () => {
  it(
    'passes with its password, its role and TLS',
    async () => {
      const [port, tlsPort, replicaPort] = [
        await closedPort(),
        await closedPort(),
        await closedPort(),
      ];
      const passwordFile = join(directory, 'password');
      writeFileSync(passwordFile, 'hunter2\n');
      const { certFile, keyFile } = authority.sign('redis', 'IP:127.0.0.1', 10);
      const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', certFile];
      const key = ['--tls-key-file', keyFile, '--tls-ca-cert-file', authority.caFile];
      const common = ['--bind', '127.0.0.1', '--save', '', '--requirepass', 'hunter2'];
      const master = redisCheck({ connectPort: port, passwordFile });
      await start(
        'redis-server',
        ['--port', String(port), ...common, ...tls, ...key, '--tls-auth-clients', 'no'],
        master,
      );
      expect(await outcome({ ...master, role: 'master' })).toBe('pass');
      expect(await outcome({ ...master, role: 'replica' })).toBe('WRONG_ROLE');
      expect(await outcome({ ...master, username: 'default' })).toBe('pass');
      expect(await outcome({ ...master, username: 'nobody' })).toBe('AUTH_FAILED');
      expect(await outcome(redisCheck({ connectPort: port }))).toBe('AUTH_FAILED');
      expect(await outcome({ ...master, connectPort: tlsPort, tls: true })).toBe('pass');
      const replica = { ...master, connectPort: replicaPort, role: 'replica' as const };
      const of = ['--replicaof', `127.0.0.1 ${port}`, '--masterauth', 'hunter2'];
      await start('redis-server', ['--port', String(replicaPort), ...common, ...of], replica);
      expect(await outcome({ ...replica, role: 'master' })).toBe('WRONG_ROLE');
    },
    STARTED.timeout,
  );
});

describe('exim', () => {
  it(
    'greets, answers and says goodbye',
    async () => {
      const port = await closedPort();
      const spool = join(directory, 'exim');
      mkdirSync(spool);
      const file = join(directory, 'exim.conf');
      writeFileSync(
        file,
        [
          'primary_hostname = mail.test',
          `spool_directory = ${spool}`,
          `log_file_path = ${spool}/%slog`,
          `pid_file_path = ${spool}/pid`,
          'exim_user = root\nexim_group = root\nnever_users =',
          'host_lookup =\nrfc1413_query_timeout = 0s',
          'keep_environment =',
          '',
        ].join('\n'),
      );
      const config = smtpCheck({ connectPort: port });
      const local = ['-oX', `127.0.0.1.${port}`];
      await start('exim4', ['-bdf', '-C', file, ...local], config);
      expect(await check(config)).toMatchObject({
        kind: 'pass',
        detail: expect.stringContaining('mail.test'),
      });
    },
    STARTED.timeout,
  );
});
