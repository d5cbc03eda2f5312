// `npm run sim:planted`: weakens one rule after the other and looks how long the simulation takes to find it.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { find } from './find.ts'
import { MORE, TABLE } from './weakenings.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '180' }, from: { type: 'string' } },
})
const withinMs = Number(values.seconds) * 1000
const from = Number(values.from ?? randomInt(1_000_000_000))
console.log(`seeds from ${from} on, at most ${values.seconds} s for each rule`)

let missed = 0
for (const weakening of [...TABLE, ...MORE]) {
  const startedAt = performance.now()
  const { outcome, seeds, siteMs } = find(
    weakening,
    from,
    () => performance.now() - startedAt < withinMs,
  )
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const searched = `${seconds} s, ${seeds} seeds, ${Math.round(siteMs / 60_000)} site-minutes`
  if (!outcome) missed += 1
  const found = outcome ? `${weakening.breaks}, seed ${outcome.seed}` : 'NOT FOUND'
  console.log(`${weakening.name.padEnd(68)} ${found} (${weakening.profile}; ${searched})`)
}
process.exit(missed === 0 ? 0 : 1)
