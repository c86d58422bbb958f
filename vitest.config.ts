import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Most tests wait for processes: more files at once than cores, but not so many that they starve each other.
    maxWorkers: 3,
    // CI runs on shared machines that stand still for seconds: what fails there is tried once more, and shown as such.
    retry: process.env['CI'] === 'true' ? 1 : 0,
  },
})
