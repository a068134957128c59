/** Checks of the servers that people run: nginx, redis-server and exim from Debian's packages. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CheckerConfig, SslGetConfig } from '../../src/config/model.ts';
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

/** What is larger than a frame (16,384 octets) or a window (65,535) of HTTP/2. */
describe('nginx in HTTP/2 with large things', () => {
  const LARGE = randomBytes(5_000_000);
  /** Together larger than a frame, even as Huffman makes them shorter, each short enough for nginx: 4 KiB a word of its file, 8 KiB a field. */
  const LONG = Array.from({ length: 16 }, (_, index) => [
    `X-Long-${index}`,
    randomBytes(1_700).toString('hex'),
  ]);
  let port: number;
  const upstream = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
    const hash = createHash('md5');
    request.on('data', (bytes) => hash.update(bytes));
    request.on('end', () => {
      response.setHeader('X-Method', request.method ?? '');
      const echoed = LONG.map(([name = '']) => request.headers[name.toLowerCase()]);
      response.setHeader('X-Fields', md5(echoed.join('')));
      response.end(hash.digest('hex'));
    });
  });

  const md5 = (bytes: string | Uint8Array): string => createHash('md5').update(bytes).digest('hex');

  beforeAll(async () => {
    port = await closedPort();
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const onward = (upstream.address() as AddressInfo).port;
    const { certFile, keyFile } = authority.sign('large', 'IP:127.0.0.1', 10);
    writeFileSync(join(directory, 'large'), LARGE);
    const added = LONG.map(([name, value]) => `add_header ${name} ${value};`).join('\n');
    const file = join(directory, 'large.conf');
    writeFileSync(
      file,
      `daemon off; user root; pid ${directory}/large.pid; error_log ${directory}/large.log;
      events {}
      http {
        access_log off;
        client_body_temp_path ${directory}/bodies; proxy_temp_path ${directory}/replies;
        client_max_body_size 10m; large_client_header_buffers 8 64k;
        server { listen 127.0.0.1:${port} ssl http2; root ${directory};
          ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};
          # Less than the window that a client has before it knows better.
          http2_body_preread_size 16k;
          location = /ready { return 204; }
          location = /fields { ${added} add_header X-Last yes; return 200 'ok'; }
          location = /kept { proxy_pass http://127.0.0.1:${onward};
            proxy_buffer_size 64k; proxy_busy_buffers_size 64k; proxy_buffers 8 64k; }
          # As it comes, so that nginx gives back windows at the pace of the reader.
          location = /passed { proxy_request_buffering off; proxy_pass http://127.0.0.1:${onward}; }
        }
      }`,
    );
    const ready = { connectPort: port, urls: [httpUrl({ path: '/ready' })] };
    await start('nginx', ['-c', file], sslGet(ready));
  }, STARTED.timeout);

  afterAll(() => upstream.close());

  const asked = (path: string, digest?: string): SslGetConfig =>
    sslGet({
      connectPort: port,
      httpProtocol: '2',
      urls: [httpUrl({ path, ...(digest === undefined ? {} : { digest }) })],
    });

  it('reads a body of 5 MB', async () => {
    expect(await check(asked('/large', md5(LARGE)))).toMatchObject({ kind: 'pass' });
    expect(await outcome(asked('/large', md5('else')))).toBe('BAD_DIGEST');
  });

  it('reads headers larger than a frame', async () => {
    const expectHeaders = [...LONG.map((field) => field.join(': ')), 'X-Last: yes'];
    expect(await check({ ...asked('/fields'), expectHeaders })).toMatchObject({ kind: 'pass' });
  });

  it.each(['/kept', '/passed'])(
    'sends headers larger than a frame and a body of 3 MB to %s',
    async (path) => {
      const body = randomBytes(1_500_000).toString('hex');
      const config: SslGetConfig = {
        ...asked(path, md5(md5(body))),
        method: 'PUT',
        body,
        headers: LONG.map((field) => field.join(': ')),
        expectHeaders: [
          'X-Method: PUT',
          `X-Fields: ${md5(LONG.map(([, value]) => value).join(''))}`,
        ],
      };
      expect(await check(config)).toMatchObject({ kind: 'pass' });
    },
  );
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
