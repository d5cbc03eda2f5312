// `npm run sim -- --seed N --ladders L`: so many ladders from this seed on. `--from K` leaves the first K worlds
// out, `--plant NAME` plants a bug, `--soak` goes on until it is stopped. A world that fails is made small and told
// as a timeline.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { LADDER_BUGS } from './planted/ladders.ts'
import { NOTHING } from './planted.ts'
import { playFrom, tell } from './run.ts'
import { drawScenario } from './scenario.ts'
import { shrink } from './shrink.ts'

const SOAK_TELLS_EVERY = 500

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
    ladders: { type: 'string', default: '1000' },
    plant: { type: 'string' },
    soak: { type: 'boolean', default: false },
  },
})
const seed = values.seed === undefined ? randomInt(1_000_000_000) : Number(values.seed)
const from = Number(values.from)
const ladders = values.soak ? SOAK_TELLS_EVERY : Number(values.ladders)
if (![seed, from, ladders].every(Number.isSafeInteger)) {
  console.error('--seed, --from and --ladders take whole numbers')
  process.exit(2)
}
const planted = values.plant === undefined ? NOTHING : LADDER_BUGS[values.plant]
if (!planted) {
  console.error(`--plant ${values.plant}: known are ${Object.keys(LADDER_BUGS).join(', ')}`)
  process.exit(2)
}

console.log(`[sim] seed ${seed}`)
for (let next = seed + from; ; ) {
  const before = process.cpuUsage()
  const played = await playFrom(next, (so) => so.ladders >= ladders, planted)
  const { user, system } = process.cpuUsage(before)
  console.log(`[sim] ${tell(played, (user + system) / 1e6)}`)
  const { failed } = played
  if (failed) {
    const broken = failed.outcome.violation?.message ?? ''
    console.log(`[sim] seed ${failed.seed}: ${broken}; it is made small`)
    const small = await shrink(drawScenario(failed.seed), broken, planted)
    for (const line of small.outcome.timeline) console.log(line)
    const { asks, faults } = small.scenario
    console.log(
      `[sim] ${asks.length} requests and ${faults.length} faults, after ${small.runs} runs`,
    )
    const plant = values.plant === undefined ? '' : ` --plant ${values.plant}`
    console.log(`[sim] again: npm run sim -- --seed ${failed.seed} --ladders 1${plant}`)
    process.exit(1)
  }
  if (!values.soak) break
  next += played.worlds
}
