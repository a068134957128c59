import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Kernel and interop tests make namespaces of their own, so files may run side by side; two
    // cores bound how many.
    pool: 'forks',
    testTimeout: 20_000,
  },
});
