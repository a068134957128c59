import { expect, test } from 'vitest';
import { preloadAdvice } from '../../src/drill/uml-preload.ts';

test('a lab kernel that ended for want of registers is told from one that ended otherwise', () => {
  const console = 'mmapper_init\nuserspace - ptrace set fp regs failed, errno = 14\nKernel panic';
  expect(preloadAdvice(console)).toMatch(/setup drill/);
  expect(preloadAdvice('Kernel panic - not syncing: Attempted to kill init!')).toBeUndefined();
});
