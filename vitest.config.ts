import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes at once, or late where much else is running.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // Most tests wait for processes: more files at once than cores, but not so many that they starve each other.
    maxWorkers: 3,
  },
})
