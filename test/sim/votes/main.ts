// `npm run sim:votes`: runs the vote for active under faults, seed after seed. `--seed N` plays one again and
// tells its story.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { CORE_RULES } from './rules.ts'
import { run } from './run.ts'
import { PROFILES, type ProfileName } from './storm.ts'

const names = Object.keys(PROFILES) as ProfileName[]
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    from: { type: 'string' },
    profile: { type: 'string' },
  },
})
const profiles = names.filter((name) => values.profile === undefined || values.profile === name)
if (profiles.length === 0) {
  console.error(`no profile is named ${values.profile}; one of: ${names.join(', ')}`)
  process.exit(2)
}
process.exit(values.seed === undefined ? search() : replay(Number(values.seed)))

function replay(seed: number): number {
  let violations = 0
  for (const profile of profiles) {
    console.log(`profile ${profile}, seed ${seed}`)
    const { violation } = run({ seed, profile, rules: CORE_RULES, trace: console.log })
    if (violation) violations += 1
  }
  return violations === 0 ? 0 : 1
}

function search(): number {
  const from = Number(values.from ?? randomInt(1_000_000_000))
  const withinMs = Number(values.seconds) * 1000
  console.log(`seeds from ${from} on, profiles ${profiles.join(', ')}`)
  const sums = { runs: 0, siteMs: 0, fired: 0, acts: 0, shots: 0 }
  let violations = 0
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  for (let seed = from; performance.now() - startedAt < withinMs; seed += 1) {
    for (const profile of profiles) {
      const outcome = run({ seed, profile, rules: CORE_RULES })
      sums.runs += 1
      sums.siteMs += outcome.siteMs
      sums.fired += outcome.fired
      sums.acts += outcome.acts
      sums.shots += outcome.shots
      if (!outcome.violation) continue
      violations += 1
      const { rule, detail, atMs } = outcome.violation
      const again = `npm run sim:votes -- --profile ${profile} --seed ${seed}`
      console.log(`${rule}: ${detail}, at ${(atMs / 1000).toFixed(3)} s; again: ${again}`)
    }
  }
  // Other work on the machine does not count.
  const { user, system } = process.cpuUsage(cpuBefore)
  const tookMs = (user + system) / 1000
  console.log(
    `${sums.runs} runs, ${Math.round(sums.siteMs / 60_000)} site-minutes, ${sums.fired} effects, ` +
      `${sums.acts} times active, ${sums.shots} shots, ${violations} violations; ` +
      `${Math.round(sums.siteMs / tookMs)} times real time by processor time`,
  )
  return violations === 0 ? 0 : 1
}
