// What the black-box suite runs on: one vitest project per target, the same files in each.
import { randomInt } from 'node:crypto'

export const TARGETS = ['node-embedded', 'node-postgres', 'workerd'] as const
export type TargetName = (typeof TARGETS)[number]

declare module 'vitest' {
  interface ProvidedContext {
    target: TargetName
    killsSeed: number
  }
}

const ALL = 'test/blackbox/**/*.test.ts'
const KILLS = 'test/blackbox/kills/**'

/** `PALISADE_KILLS_SEED` has the same kills again; `PALISADE_KILLS` is their number, on every target then. */
export function blackboxProjects() {
  const given = Number(process.env['PALISADE_KILLS_SEED'] ?? Number.NaN)
  const killsSeed = Number.isSafeInteger(given) ? given : randomInt(1_000_000)
  const chosen = TARGETS[killsSeed % TARGETS.length]
  const everywhere = process.env['PALISADE_KILLS'] !== undefined
  return TARGETS.map((target) => ({
    extends: true as const,
    test: {
      name: target,
      include: [ALL],
      exclude: everywhere || target === chosen ? [] : [KILLS],
      provide: { target, killsSeed },
    },
  }))
}
