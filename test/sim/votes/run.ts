// One run: storms, and calms in which the promises of a healthy site are looked at. The seed decides all of it.
import { judgeSwitchOver, mayAct } from '../../../core/votes/lease.ts'
import type { Machine } from './machine.ts'
import type { Rules } from './rules.ts'
import { Site } from './site.ts'
import { PROFILES, type ProfileName, Storm } from './storm.ts'
import type { Violation } from './watch.ts'

const ROUNDS = 3
const STORM_MS = [15_000, 40_000] as const
/** No faults for so long: exactly one active. */
const SETTLED_AFTER_MS = 10_000
const LOOKED_AT_MS = 4000
const LOOK_EVERY_MS = 200
/** A killed active is replaced, so that the first effect leaves within 4 s (spec redundancy.md, "Budget"). */
const ACTS_AGAIN_WITHIN_MS = 3000
const FIRES_AGAIN_WITHIN_MS = 4000
const SWITCHED_WITHIN_MS = 1000

export interface Outcome {
  seed: number
  profile: ProfileName
  violation: Violation | undefined
  siteMs: number
  fired: number
  acts: number
  shots: number
}

export interface RunOptions {
  seed: number
  profile: ProfileName
  rules: Rules
  trace?: (line: string) => void
}

export function run({ seed, profile, rules, trace }: RunOptions): Outcome {
  const { bootMs } = PROFILES[profile]
  const play = new Play(new Site({ seed, rules, bootMs, trace }), profile)
  play.run()
  const { watch, schedule } = play.site
  const { violation, fired, acts, shots } = watch
  return { seed, profile, violation, siteMs: schedule.now, fired, acts, shots }
}

class Play {
  readonly site: Site
  readonly #storm: Storm

  constructor(site: Site, profile: ProfileName) {
    this.site = site
    this.#storm = new Storm(site, PROFILES[profile])
  }

  run(): void {
    const { machines, schedule, chance } = this.site
    for (const machine of machines) {
      schedule.after(chance.between(0, 600), () => machine.start())
      machine.executor.run()
    }
    for (let round = 0; round < ROUNDS && this.#goesOn; round += 1) {
      this.#storm.begin()
      this.#advance(chance.between(...STORM_MS))
      this.#storm.end()
      this.#calm()
    }
  }

  get #goesOn(): boolean {
    return this.site.watch.violation === undefined
  }

  #advance(ms: number): void {
    const { schedule } = this.site
    const until = schedule.now + ms
    while (this.#goesOn && schedule.step(until));
    if (this.#goesOn) schedule.now = until
  }

  #calm(): void {
    const { machines, watch, chance } = this.site
    while (this.#goesOn && !machines.every(({ runs, shotsUnderWay }) => runs && !shotsUnderWay)) {
      this.#advance(100)
    }
    this.#advance(SETTLED_AFTER_MS)
    const asked = this.#askedControlPlane()
    for (let ms = 0; ms < LOOKED_AT_MS && this.#goesOn; ms += LOOK_EVERY_MS) {
      const active = machines.filter(isActive)
      if (active.length !== 1) watch.report('not exactly one active', `${active.length} are`)
      this.#advance(LOOK_EVERY_MS)
    }
    const more = this.#askedControlPlane() - asked
    if (more > 0) watch.report('healthy pair asks the control plane', `${more} times`)
    const active = machines.find(isActive)
    if (active === undefined || !this.#goesOn) return
    if (chance.happens(0.5)) this.#kill(active)
    else this.#switchOver(active)
  }

  #kill(active: Machine): void {
    const { watch, log } = this.site
    log('the active is killed in a calm')
    active.kill()
    this.#advance(ACTS_AGAIN_WITHIN_MS)
    // A start that an earlier storm left behind may bring it back itself.
    if (!this.site.machines.some(isActive)) watch.report('takeover too slow', 'nobody acts')
    const { fired } = watch
    for (let ms = ACTS_AGAIN_WITHIN_MS; ms < FIRES_AGAIN_WITHIN_MS; ms += 100) {
      for (const { executor } of this.site.machines) executor.attempt()
      this.#advance(100)
    }
    if (watch.fired === fired) watch.report('takeover too slow', 'no effect left')
    active.start()
  }

  #switchOver(active: Machine): void {
    const { watch } = this.site
    for (let tries = 0; tries < 20 && this.#goesOn; tries += 1) {
      const { state } = active
      if (state && judgeSwitchOver(state, active.clock.now()) === undefined) break
      this.#advance(50)
    }
    active.take({ type: 'switch-over' })
    this.#advance(SWITCHED_WITHIN_MS)
    if (isActive(active.other)) return
    watch.report('switch-over too slow', `${active.other.name} does not act`)
  }

  #askedControlPlane(): number {
    return this.site.machines.reduce((sum, machine) => sum + machine.askedControlPlane, 0)
  }
}

function isActive({ runs, state, clock }: Machine): boolean {
  return runs && state !== undefined && mayAct(state, clock.now()) !== undefined
}
