/** `npm run test:snowflake`: tests that a real account is needed for. Every statement of them goes over the network. */
import { defineConfig } from 'vitest/config'

const MINUTES_MS = 60_000

export default defineConfig({
  test: {
    testTimeout: 60 * MINUTES_MS,
    hookTimeout: 10 * MINUTES_MS,
    // What was skipped is told with its reason.
    reporters: ['verbose'],
    projects: [
      {
        extends: true,
        test: {
          name: 'postgres-18',
          include: ['test/snowflake-account/*.account.ts'],
          globalSetup: ['test/support/postgres-server.ts'],
        },
      },
    ],
  },
})
