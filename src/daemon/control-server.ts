/** The daemon's end of the control socket: a unix stream socket, one JSON line a request. */
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Log } from '../base/log.ts';
import type { ControlSocketConfig } from '../config/model.ts';
import {
  type ControlRequest,
  type ControlResponse,
  decodeRequest,
  encodeLine,
  LineSplitter,
  REQUEST_BYTES_MAX,
} from './control-protocol.ts';

/** Clients served at once; one more is turned away. */
const CLIENTS_MAX = 64;
const DIRECTORY_MODE = 0o755;

export interface ControlServer {
  close(): void;
}

export type OpenControl =
  | { readonly ok: true; readonly server: ControlServer }
  | { readonly ok: false; readonly code: string; readonly message: string };

/**
 * Listens on `socket.path`. A socket file that nobody answers on is a dead daemon's and is replaced;
 * one that answers belongs to a running lvsd, which is refused.
 */
export async function openControlServer(options: {
  readonly socket: ControlSocketConfig;
  readonly log: Log;
  readonly answer: (request: ControlRequest) => Promise<ControlResponse>;
}): Promise<OpenControl> {
  const { path, mode, group } = options.socket;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
  } catch (cause) {
    return refused('CONTROL_DIRECTORY', `${dirname(path)} cannot be created (${reason(cause)})`);
  }
  if (await answers(path)) {
    return refused(
      'ALREADY_RUNNING',
      `Another lvsd answers on ${path}: stop it first, or give this one a socket of its own with --socket`,
    );
  }
  const groupId = group === undefined ? undefined : findGroup(group);
  if (group !== undefined && groupId === undefined) {
    return refused('UNKNOWN_GROUP', `control_socket names group ${group}, which does not exist`);
  }
  const server = createServer((client) => serve(client, options.log, options.answer));
  server.maxConnections = CLIENTS_MAX;
  try {
    rmSync(path, { force: true });
    await listen(server, path, mode);
    if (groupId !== undefined) chownSync(path, -1, groupId);
  } catch (cause) {
    server.close();
    return refused(
      'CONTROL_SOCKET',
      `The control socket ${path} cannot be opened (${reason(cause)})`,
    );
  }
  return {
    ok: true,
    server: {
      close: () => {
        server.close();
        rmSync(path, { force: true });
      },
    },
  };
}

function refused(code: string, message: string): OpenControl {
  return { ok: false, code, message };
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function listen(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Nobody may connect between bind and chmod: the file is born without permissions.
    const previousMask = process.umask(0o777);
    server.listen(path, () => {
      server.off('error', reject);
      chmodSync(path, mode);
      resolve();
    });
    process.umask(previousMask);
  });
}

function serve(
  client: Socket,
  log: Log,
  answer: (request: ControlRequest) => Promise<ControlResponse>,
): void {
  const splitter = new LineSplitter(REQUEST_BYTES_MAX);
  client.setEncoding('utf8');
  client.on('error', (error) => log.debug({ error: error.message }, 'control client went away'));
  client.on('data', (chunk) => {
    const { lines, overflow } = splitter.push(String(chunk));
    for (const line of lines) void reply(client, line, answer);
    if (overflow) {
      const code = 'REQUEST_TOO_LONG';
      const message = `A request has at most ${REQUEST_BYTES_MAX} bytes`;
      client.end(encodeLine({ id: null, ok: false, code, message }));
    }
  });
}

async function reply(
  client: Socket,
  line: string,
  answer: (request: ControlRequest) => Promise<ControlResponse>,
): Promise<void> {
  const decoded = decodeRequest(line);
  const response = decoded.ok ? await answer(decoded.request) : decoded.response;
  if (client.writable) client.write(encodeLine(response));
}

/** Whether somebody accepts connections on this socket file. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** The group's number from /etc/group; undefined when there is none of that name. */
function findGroup(name: string): number | undefined {
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [group, , id] = line.split(':');
    if (group === name && id !== undefined) return Number(id);
  }
  return undefined;
}
