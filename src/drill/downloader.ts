/**
 * A client with one long download on one connection. Prints one JSON line when the answer begins (who
 * serves it) and one at the end (whether it came whole).
 * Usage: `node downloader.ts URL SECONDS STALL_MS LOCAL_PORT`.
 */
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import { nowMs } from './command.ts';
import { piece, pieces } from './download-body.ts';

/** A line of this program: first `began`, then `ended`. */
export type DownloadReport =
  | { readonly kind: 'began'; readonly page: string }
  | {
      readonly kind: 'ended';
      readonly atMs: number;
      readonly bytes: number;
      readonly isWhole: boolean;
      /** Why it ended before its end. */
      readonly error?: string;
    };

const [url = '', seconds = '10', stall = '5000', localPort = '1024'] = process.argv.slice(2);
const stallMs = Number(stall);

const wanted = createHash('sha256');
for (let index = 0; index < pieces(Number(seconds)); index += 1) wanted.update(piece(index));
const wantedDigest = wanted.digest('hex');

const digest = createHash('sha256');
let bytes = 0;
let hasEnded = false;

function say(report: DownloadReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

function end(error?: string): void {
  if (hasEnded) return;
  hasEnded = true;
  const isWhole = error === undefined && digest.digest('hex') === wantedDigest;
  const report = { kind: 'ended', atMs: nowMs(), bytes, isWhole } as const;
  say(error === undefined ? report : { ...report, error });
  process.exit(0);
}

const request = get(url, { agent: false, localPort: Number(localPort) }, (response) => {
  say({ kind: 'began', page: String(response.headers['x-page'] ?? '') });
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    digest.update(chunk);
  });
  response.on('end', () => end(response.complete ? undefined : 'CUT'));
  response.on('error', ({ message }) => end(message));
});
request.setTimeout(stallMs, () => end('STALLED'));
request.on('error', ({ message }) => end(message));
