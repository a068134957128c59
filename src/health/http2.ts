/** One request of HTTP/2 on a connection that is there, and what its reply comes to. Bytes in, a finding out. */
import type { HpackField } from './hpack.ts';
import type { HttpFinding, HttpReply } from './http-reply.ts';
import type { HttpRequest } from './http-request.ts';
import { judge } from './http1.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { goaway } from './http2-frame.ts';

/** Judges the reply to one request as it comes. After a finding nothing more is asked of it. */
export class Http2Dialogue {
  readonly #reply: HttpReply;
  readonly #exchange: Http2Exchange;
  readonly #send: (bytes: Buffer) => void;

  /** `send` is called now with the request, and later with what a frame asks for. */
  constructor(
    { method, body }: HttpRequest,
    fields: readonly HpackField[],
    reply: HttpReply,
    send: (bytes: Buffer) => void,
  ) {
    const octets = body === undefined ? undefined : Buffer.from(body);
    this.#reply = reply;
    this.#exchange = new Http2Exchange(method, fields, octets);
    this.#send = send;
    send(this.#exchange.open());
  }

  /** What these bytes come to; undefined while more are needed. */
  hear(bytes: Buffer): HttpFinding | undefined {
    const { events, send } = this.#exchange.push(bytes);
    if (send.length > 0) this.#send(send);
    for (const event of events) {
      const finding = judge(this.#reply, event);
      if (finding === undefined) continue;
      if (event.kind === 'head' || event.kind === 'data') this.#send(goaway('NO_ERROR'));
      return finding;
    }
    return undefined;
  }

  /** What it comes to when the server ends the connection. */
  closed(): HttpFinding {
    const event = this.#exchange.close();
    const finding = event === undefined ? undefined : judge(this.#reply, event);
    return finding ?? { kind: 'fail', reason: 'CLOSED_EARLY', detail: CLOSED_EARLY };
  }
}

const CLOSED_EARLY = 'connection closed before a complete reply';
