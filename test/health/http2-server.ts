/** Starts http2-server-program.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Certificate } from './certificates.ts';

const PROGRAM = new URL('http2-server-program.ts', import.meta.url).pathname;

export interface Http2Server {
  readonly port: number;
  /** What was asked for, `2.0 web.test /`: those that were answered, soon after. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Rejects when it ends before it listens. */
export async function startHttp2Server(certificate: Certificate): Promise<Http2Server> {
  const { certFile, keyFile } = certificate;
  const child = spawn(process.execPath, [PROGRAM, certFile, keyFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const requests: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    let isListening = false;
    createInterface(child.stdout).on('line', (line) => {
      if (isListening) requests.push(line);
      else resolve(Number(line));
      isListening = true;
    });
    void exited.then(([code]) => reject(new Error(`The server of HTTP/2 ended: ${code}`)));
  });
  return {
    port,
    requests,
    async close() {
      child.kill();
      await exited;
    },
  };
}
