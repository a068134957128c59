/**
 * BFD_CHECK: passes while the session of a bfd_instance is Up. The session is kept elsewhere and tells its
 * changes, upon which the engine asks again. What is our own trouble (no bfd process, its port taken) and a
 * session that is still coming up say nothing about the server.
 */
import type { BfdCheckConfig } from '../config/model-lvs.ts';
import type { BfdReading } from './outside.ts';
import type { OutsideIo, Probe, ProbeVerdict } from './probe.ts';

export const probeBfd: Probe<BfdCheckConfig, OutsideIo> = (target, { outside }) => {
  const verdict = judgeSession(target, outside.bfdReading(target.name));
  return Promise.resolve({ ...verdict, durationMs: 0 });
};

function judgeSession(target: BfdCheckConfig, reading: BfdReading | undefined): ProbeVerdict {
  if (reading === undefined) {
    const detail = `bfd_instance ${target.name} was not told of yet`;
    return { kind: 'inconclusive', reason: 'BFD_UNKNOWN', detail };
  }
  const { state, reason: detail } = reading;
  switch (state) {
    case 'up':
      return { kind: 'pass', detail };
    case 'down':
      return { kind: 'fail', reason: 'BFD_DOWN', detail };
    case 'unknown':
      return { kind: 'inconclusive', reason: 'BFD_UNKNOWN', detail };
    default:
      return state satisfies never;
  }
}
