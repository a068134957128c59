import { defineConfig } from 'vitest/config';

/** Real kernels, real daemons, real peers: one file at a time, so that two cores are enough for each. */
const SYSTEM_TESTS = [
  'test/bench/health-run.test.ts',
  'test/bench/ipvs.test.ts',
  'test/cli/**/*.test.ts',
  'test/daemon/bfd-check.test.ts',
  'test/daemon/bfd-tracking.test.ts',
  'test/daemon/check-scripts.test.ts',
  'test/daemon/fifo.test.ts',
  'test/daemon/file-trackers.test.ts',
  'test/daemon/handover-refused.test.ts',
  'test/daemon/ipvs-operations.test.ts',
  'test/daemon/notify-contract.test.ts',
  'test/daemon/refusals.test.ts',
  'test/daemon/run.test.ts',
  'test/daemon/standing.test.ts',
  'test/daemon/transports.test.ts',
  'test/daemon/launched-scripts.test.ts',
  'test/daemon/script-runner.test.ts',
  'test/daemon/scripts.test.ts',
  'test/daemon/weights.test.ts',
  'test/drill/**/*.test.ts',
  'test/health/debian-servers.test.ts',
  'test/health/many-probes.test.ts',
  'test/health/many-streams.test.ts',
  'test/host/realserver.test.ts',
  'test/interop/**/*.test.ts',
  'test/ipvs/kernel.test.ts',
  'test/kernel/**/*.test.ts',
  'test/uml/**/*.test.ts',
];

const TIMEOUT_MS = 20_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: SYSTEM_TESTS,
          testTimeout: TIMEOUT_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'system',
          include: SYSTEM_TESTS,
          testTimeout: TIMEOUT_MS,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
