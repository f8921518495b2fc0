import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/postgres-server.ts'],
    // Real servers and files on small machines: limits for what hangs, not measures.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
