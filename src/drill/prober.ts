/**
 * The client: requests one URL on fresh connections. Prints one JSON RequestRecord a line, when the
 * request ends; `ready` first.
 *
 * With COUNT 0 at a steady rate, open loop: each request starts by the schedule, whatever became of
 * those before it. Ends on SIGTERM, having waited for those still open. With another COUNT as many
 * requests one after the other, so that their order is the order in which they were scheduled.
 *
 *
 * Every request has a source port of its own, from FIRST_PORT on: IPVS remembers a connection for two
 * minutes after its end, and would send a reused port to the server of old instead of the next in turn.
 * Usage: `node prober.ts URL INTERVAL_MS TIMEOUT_MS COUNT FIRST_PORT`.
 */
import { get } from 'node:http';
import { nowMs } from './command.ts';
import type { RequestRecord } from './outage.ts';

const [url = '', interval = '20', timeout = '1000', count = '0', firstPort = '1024'] =
  process.argv.slice(2);
const intervalMs = Number(interval);
const timeoutMs = Number(timeout);
const requests = Number(count);

const MAX_PAGE_LENGTH = 200;

let localPort = Number(firstPort) - 1;
let isStopped = false;
const firstStartMs = nowMs();

process.on('SIGTERM', () => {
  isStopped = true;
});
process.stdout.write('ready\n');
if (requests === 0) tick();
else inTurn(requests);

function inTurn(left: number): void {
  if (left > 0) request(() => inTurn(left - 1));
}

/** Starts what is due. After a stall the missed starts are not made up: they did not happen. */
function tick(): void {
  if (isStopped) return;
  request(() => {});
  const elapsed = nowMs() - firstStartMs;
  // Rounded, not floored: a timer of node fires up to half a millisecond early.
  const nextDue = (Math.round(elapsed / intervalMs) + 1) * intervalMs;
  setTimeout(tick, nextDue - elapsed);
}

function request(onEnd: () => void): void {
  const startMs = nowMs();
  localPort += 1;
  let isSettled = false;
  const settle = (outcome: Pick<RequestRecord, 'ok' | 'page' | 'error'>): void => {
    if (isSettled) return;
    isSettled = true;
    clearTimeout(timer);
    const record: RequestRecord = { startMs, endMs: nowMs(), ...outcome };
    process.stdout.write(`${JSON.stringify(record)}\n`);
    onEnd();
  };
  const outgoing = get(url, { agent: false, localPort }, (response) => {
    let page = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      page = (page + chunk).slice(0, MAX_PAGE_LENGTH);
    });
    response.on('end', () => {
      if (response.statusCode === 200) settle({ ok: true, page: page.trim() });
      else settle({ ok: false, error: `STATUS ${response.statusCode}` });
    });
    response.on('error', (error) => settle({ ok: false, error: errorWord(error) }));
  });
  outgoing.on('error', (error) => settle({ ok: false, error: errorWord(error) }));
  const timer = setTimeout(() => {
    settle({ ok: false, error: 'TIMEOUT' });
    outgoing.destroy();
  }, timeoutMs);
}

function errorWord(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
