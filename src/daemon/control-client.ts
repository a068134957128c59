/** A command's end of the control socket: one request, one response. */
import { connect } from 'node:net';
import {
  type ControlQuestion,
  type ControlResponse,
  encodeLine,
  LineSplitter,
} from './control-protocol.ts';

/** The daemon answers from memory: longer than this means that it hangs. */
const RESPONSE_TIMEOUT_MS = 5_000;
/** A status of tens of thousands of servers is tens of megabytes. */
const RESPONSE_CHARS_MAX = 512 * 1024 * 1024;

export const DEFAULT_CONTROL_SOCKET = '/run/lvsd/control.sock';

/** `--socket`, else LVSD_CONTROL_SOCKET, else the default. */
export function controlSocketPath(option: string | undefined): string {
  return option ?? process.env.LVSD_CONTROL_SOCKET ?? DEFAULT_CONTROL_SOCKET;
}

/**
 * Asks the daemon; whatever goes wrong is a response with `ok: false` and the sentence to print.
 * `timeoutMs`: for what takes longer than answering from memory.
 */
export function ask<Question extends ControlQuestion>(
  path: string,
  question: Question,
  timeoutMs = RESPONSE_TIMEOUT_MS,
): Promise<ControlResponse<Question['command']>> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const splitter = new LineSplitter(RESPONSE_CHARS_MAX);
    const finish = (response: ControlResponse<Question['command']>): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(response);
    };
    const fail = (code: string, message: string): void =>
      finish({ id: null, ok: false, code, message });
    const timer = setTimeout(
      () =>
        fail(
          'TIMEOUT',
          `lvsd accepted the connection on ${path} but did not answer within ${timeoutMs / 1000} s`,
        ),
      timeoutMs,
    );
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(encodeLine({ id: 1, ...question })));
    socket.on('data', (chunk) => {
      const [line] = splitter.push(String(chunk)).lines;
      if (line !== undefined) finish(parseResponse<Question>(line));
    });
    socket.once('end', () =>
      fail('CLOSED', `lvsd closed the connection on ${path} without answering`),
    );
    socket.once('error', (error) => fail('NOT_REACHABLE', explain(path, error)));
  });
}

function parseResponse<Question extends ControlQuestion>(
  line: string,
): ControlResponse<Question['command']> {
  try {
    // The daemon is the same program: its lines have the shape that it was compiled with.
    return JSON.parse(line) as ControlResponse<Question['command']>;
  } catch {
    return {
      id: null,
      ok: false,
      code: 'BAD_RESPONSE',
      message: 'lvsd answered something that is not JSON',
    };
  }
}

function explain(path: string, error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return `No lvsd is running on ${path}: start it with \`lvsd run\`, or name its socket with --socket`;
  }
  if (code === 'EACCES') {
    return `${path} may not be opened by this user: run the command as root, or as a member of the socket's group`;
  }
  return `${path} cannot be reached (${error.message})`;
}
