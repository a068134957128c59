import { describe, expect, test } from 'vitest';
import { Program } from './namespace.ts';

describe('a callback of a watch', () => {
  test('goes on after promises and ticks though nothing else happens', async () => {
    const program = Program.start('callback-scope', { arguments: ['ticks'] });
    expect(await program.next('ticked')).toEqual({ ticked: true });
    await program.end();
  });

  test('that throws ends the process like any other', async () => {
    const program = Program.start('callback-scope', { arguments: ['throw'] });
    await expect(program.end()).rejects.toThrow('Thrown in a callback');
  });

  test('survives garbage collection though nothing references the watch', async () => {
    const program = Program.start('orphan-watch', {
      arguments: ['100'],
      nodeOptions: ['--expose-gc'],
    });
    expect(await program.next('events')).toEqual({ events: 100, hasGc: true });
    await program.end();
  });
});
