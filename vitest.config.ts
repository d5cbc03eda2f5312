import { defineConfig } from 'vitest/config'
import { blackboxProjects } from './test/blackbox/projects.ts'

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
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
