/** AGENT_CHECK: a program beside the server says in one line how much it can take. */
import type { AgentCheckConfig } from '../config/model.ts';
import { parseAgentReply } from './agent-reply.ts';
import { type Conversation, converse, noLine, shown } from './conversation.ts';
import type { Probe, ProbeVerdict } from './probe.ts';

/**
 * Connects, sends the line of `send` where there is one, and heeds the first line that comes. An agent that
 * cannot be asked has failed, where HAProxy would leave the server as it was.
 */
export const probeAgent: Probe<AgentCheckConfig> = (target, io) =>
  converse(target, io, (conversation) => talk(target, conversation));

async function talk(
  target: AgentCheckConfig,
  { socket, lines }: Conversation,
): Promise<ProbeVerdict> {
  if (target.send !== undefined) socket.write(`${target.send}\n`);
  const line = await lines.next();
  if (line.kind !== 'line') return noLine(line, target, 'line of the agent');
  const reply = parseAgentReply(line.text);
  switch (reply.kind) {
    case 'up':
      return { kind: 'pass', detail: `the agent says ${shown(reply.words)}`, advice: reply.advice };
    case 'down': {
      const why = reply.comment === '' ? '' : `: ${shown(reply.comment)}`;
      return { kind: 'fail', reason: 'AGENT_DOWN', detail: `the agent says ${reply.word}${why}` };
    }
    case 'unknown':
      return {
        kind: 'fail',
        reason: 'BAD_RESPONSE',
        detail: `the agent says ${shown(line.text)}, which is not its protocol`,
      };
    default:
      return reply satisfies never;
  }
}
