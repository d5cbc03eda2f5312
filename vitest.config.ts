import { defineConfig } from 'vitest/config'
import { blackboxProjects } from './test/blackbox/projects.ts'

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real devices and processes are waited for, more than processors: one more than these.
    maxWorkers: 3,
    reporters: ['default', './test/plain-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'once',
          include: ['test/**/*.test.ts'],
          exclude: ['test/bench/**', 'test/blackbox/**'],
        },
      },
      ...blackboxProjects(),
    ],
  },
})
