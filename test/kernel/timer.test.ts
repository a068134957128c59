import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packDeadline } from '../../src/kernel/timer.ts';
import { Program } from './namespace.ts';

const NS_PER_SECOND = 1_000_000_000n;

const nanoseconds = (value: Buffer): bigint =>
  value.readBigInt64LE(16) * NS_PER_SECOND + value.readBigInt64LE(24);

describe('a packed deadline', () => {
  test('is the first nanosecond after the deadline, with no interval', () => {
    const packed = packDeadline(1234.5);
    expect(packed.readBigInt64LE(16)).toBe(1n);
    expect(packed.readBigInt64LE(24)).toBe(234_500_001n);
    expect(packed.subarray(0, 16)).toEqual(Buffer.alloc(16));
  });

  test('that is past or zero still fires: all zero would disarm', () => {
    expect(nanoseconds(packDeadline(0))).toBe(1n);
    expect(nanoseconds(packDeadline(-5))).toBe(1n);
  });

  test('just below a second carries over instead of overflowing its nanoseconds', () => {
    expect(nanoseconds(packDeadline(1999.9999999))).toBe(2n * NS_PER_SECOND);
  });

  test('is never before the deadline by the clock that reads it', () => {
    const uptime = fc.double({ min: 0, max: 1e10, noNaN: true });
    fc.assert(
      fc.property(uptime, (deadlineMs) => {
        const packed = nanoseconds(packDeadline(deadlineMs));
        expect(Number(packed) / 1e6).toBeGreaterThanOrEqual(deadlineMs);
        expect(packDeadline(deadlineMs).readBigInt64LE(24)).toBeLessThan(NS_PER_SECOND);
      }),
    );
  });

  test('that is no number is refused', () => {
    expect(() => packDeadline(Number.NaN)).toThrow(RangeError);
    expect(() => packDeadline(Number.POSITIVE_INFINITY)).toThrow(RangeError);
  });
});

describe('a timer of the kernel', () => {
  test('is never early, and a deadline that was replaced never fires', async () => {
    const program = Program.start('deadlines', { arguments: ['200'] });
    const { fired, earliestMs } = await program.next('fired');
    expect(fired).toBe(200);
    expect(earliestMs).toBeGreaterThanOrEqual(0);
    await program.end();
  });

  test('that is approached may be put off meanwhile, and is still never early', async () => {
    const program = Program.start('approach', {});
    const { happened } = await program.next('happened');
    expect(happened).toEqual([
      'approached',
      'approached',
      'waited',
      'approached',
      'waited',
      'fired',
    ]);
    await program.end();
  });
});
