import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/postgres-server.ts'],
    // The tests wait for servers and files more than they compute, so two run even where Vitest would take one core.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Real servers and files on small machines: limits for what hangs, not measures.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
