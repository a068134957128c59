/**
 * FILE_CHECK: the number in a track_file, times a weight, is added to the weight of the server; at -254 and
 * below the server is down (keepalived's process_update_checker_track_file_status). A file that cannot be
 * read, or holds no number, has failed.
 */
import type { FileCheckConfig } from '../config/model-lvs.ts';
import type { FileReading } from './outside.ts';
import type { OutsideIo, Probe, ProbeVerdict } from './probe.ts';

/** At this and below the server is down. */
const DOWN_POINTS = -254;

/** Judges the last reading; the engine asks again when there is another. */
export const probeFile: Probe<FileCheckConfig, OutsideIo> = (target, { outside }) => {
  const reading = outside.fileReading(target.trackFile);
  return Promise.resolve({ ...judgeReading(target, reading), durationMs: 0 });
};

function judgeReading(target: FileCheckConfig, reading: FileReading | undefined): ProbeVerdict {
  if (reading === undefined) {
    const detail = `track_file ${target.trackFile} was not looked at yet`;
    return { kind: 'inconclusive', reason: 'NOT_READ', detail };
  }
  const { isUp, reason: detail } = reading;
  if (!isUp) return { kind: 'fail', reason: 'FILE_UNREADABLE', detail };
  const points = pointsOf(target, reading);
  if (points > DOWN_POINTS) {
    return { kind: 'pass', detail, advice: { weight: { kind: 'add', points } } };
  }
  return { kind: 'fail', reason: 'FILE_DOWN', detail: `${detail}, which makes ${points}` };
}

/** With weight 0 any other number than 0 is down. */
function pointsOf(target: FileCheckConfig, reading: FileReading): number {
  const own = target.weight === undefined ? reading : { ...target, weight: target.weight };
  if (own.weight === 0) return reading.value === 0 ? 0 : DOWN_POINTS;
  const points = reading.value * own.weight;
  // Not -0.
  return own.isReversed ? 0 - points : points;
}
