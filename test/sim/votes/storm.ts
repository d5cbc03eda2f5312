// The faults: which, how often, how long. A profile leans to some of them.
import { judgeSwitchOver } from '../../../core/votes/lease.ts'
import type { Machine } from './machine.ts'
import { CALM, LATE_MS_MAX, type Place, type Weather } from './network.ts'
import type { Site } from './site.ts'

export type Fault =
  | 'cut'
  | 'isolate'
  | 'orphan'
  | 'stop'
  | 'pause-vm'
  | 'kill'
  | 'power'
  | 'switch-over'
  | 'backup'
  | 'restore'
  | 'step-wall'
  | 'slew'
  | 'management'
  | 'slow-disk'
  | 'move-hub'

export interface Profile {
  /** Share of each fault. */
  faults: Partial<Record<Fault, number>>
  everyMs: number
  weather: Weather
  bootMs: readonly [number, number]
  /** Shots are asked for while both votes are away. */
  shoots: boolean
}

export const FAULTS: Profile['faults'] = {
  cut: 40,
  isolate: 15,
  stop: 12,
  kill: 15,
  power: 4,
  'switch-over': 6,
  backup: 2,
  restore: 1.5,
  'step-wall': 3,
  slew: 4,
  management: 5,
  'slow-disk': 4,
  'move-hub': 4,
}

const BURSTS = 0.3

const STORMY: Weather = { loss: 0.01, late: 0.5, duplicate: 0.03, slow: 0.05, slowMs: 700 }

export const PROFILES = {
  /** Everything but paused virtual machines, which the specification forbids. */
  mixed: { faults: FAULTS, everyMs: 2500, weather: STORMY, bootMs: [300, 14_000], shoots: true },
  /** Both votes away often and for long, BMCs out of reach, machines that boot at once. */
  proofs: {
    faults: { ...FAULTS, isolate: 60, cut: 10, management: 20, power: 12, 'switch-over': 12 },
    everyMs: 2500,
    weather: STORMY,
    bootMs: [300, 700],
    shoots: true,
  },
  /** Roles change hands all the time. */
  roles: {
    faults: { ...FAULTS, 'switch-over': 40, restore: 4, kill: 25 },
    everyMs: 1200,
    weather: { ...STORMY, loss: 0.05, duplicate: 0.1, slow: 0.15 },
    bootMs: [300, 3000],
    shoots: true,
  },
  /** The active alone is cut off again and again, and its standby is killed or comes back at that moment. */
  leases: {
    faults: { isolate: 45, orphan: 25, kill: 30, slew: 15, stop: 10, management: 4 },
    everyMs: 1800,
    weather: { ...STORMY, slow: 0.2, slowMs: 1200 },
    bootMs: [300, 3000],
    shoots: false,
  },
  /** With pauses that stop the clock: an acknowledgement asked for before one is excused, nothing else. */
  pauses: {
    faults: { ...FAULTS, 'pause-vm': 30 },
    everyMs: 2500,
    weather: STORMY,
    bootMs: [300, 14_000],
    shoots: true,
  },
} satisfies Record<string, Profile>

export type ProfileName = keyof typeof PROFILES

export class Storm {
  readonly #site: Site
  readonly #profile: Profile
  #blows = false
  /** One disk at a time is lost: of two, what both forget nobody can tell. */
  #restored = false

  constructor(site: Site, profile: Profile) {
    this.#site = site
    this.#profile = profile
    this.#lookForShots()
  }

  begin(): void {
    this.#blows = true
    this.#restored = false
    this.#site.network.weather = this.#profile.weather
    this.#site.controlPlane.slow = true
    this.#next()
  }

  /** Everything is mended and everybody runs. */
  end(): void {
    const { network, machines, controlPlane, log } = this.#site
    log('calm')
    this.#blows = false
    network.weather = CALM
    controlPlane.slow = false
    network.healAll()
    for (const machine of machines) {
      machine.slowDisk = false
      machine.management = true
      if (machine.stopped || machine.vmPaused) machine.resume()
      machine.powerOn()
      machine.start()
    }
  }

  #next(): void {
    const { schedule, chance } = this.#site
    // Misfortunes come together: what each rule guards against mostly takes two.
    const soon = chance.happens(BURSTS)
    schedule.after(soon ? chance.between(0, 500) : chance.about(this.#profile.everyMs), () => {
      if (!this.#blows) return
      this.#strike(this.#pick())
      this.#next()
    })
  }

  #pick(): Fault {
    const shares = Object.entries(this.#profile.faults) as [Fault, number][]
    let left = this.#site.chance.fraction() * shares.reduce((sum, [, share]) => sum + share, 0)
    for (const [fault, share] of shares) {
      left -= share
      if (left < 0) return fault
    }
    return 'cut'
  }

  #strike(fault: Fault): void {
    const { chance, controlPlane, machines } = this.#site
    const machine = chance.pick(machines)
    switch (fault) {
      case 'cut':
        return this.#cutLink()
      case 'isolate':
        return this.#isolate(machine)
      case 'orphan':
        return this.#orphan(machine)
      case 'stop':
      case 'pause-vm':
        return this.#pause(machine, fault)
      case 'kill':
        return this.#kill(machine)
      case 'power':
        return this.#cutPower(machine)
      case 'switch-over':
        return this.#switchOver()
      case 'backup':
        machine.backup = machine.disk
        return
      case 'restore':
        return this.#restore(machine)
      case 'step-wall':
        controlPlane.wallStepMs += chance.happens(0.5) ? 3_600_000 : -3_600_000
        return
      case 'slew':
        return machine.slew()
      case 'management':
        machine.management = false
        return this.#later(chance.about(8000), () => {
          machine.management = true
        })
      case 'slow-disk':
        machine.slowDisk = true
        return this.#later(chance.about(3000), () => {
          machine.slowDisk = false
        })
      case 'move-hub':
        machine.hub = machine.hub === 0 ? 1 : 0
    }
  }

  #cutLink(): void {
    const { chance } = this.#site
    const from: Place = chance.pick([0, 1, 2] as const)
    const to = ((from + (chance.happens(0.5) ? 1 : 2)) % 3) as Place
    const both = chance.happens(0.75)
    this.#cut(
      both
        ? [
            [from, to],
            [to, from],
          ]
        : [[from, to]],
      chance.about(chance.pick([1500, 8000])),
    )
  }

  /** The peer link and the control plane, for one agent or for both. */
  #isolate(machine: Machine): void {
    const { chance } = this.#site
    const links: [Place, Place][] = [
      [0, 1],
      [1, 0],
      [machine.place, 2],
      [2, machine.place],
    ]
    const { place } = machine.other
    if (chance.happens(0.5)) links.push([place, 2], [2, place])
    this.#cut(links, chance.about(chance.pick([4000, 9000, 30_000])))
  }

  /** One agent is cut off, and the other restarts at that moment. */
  #orphan({ place, other }: Machine): void {
    const { chance, schedule } = this.#site
    this.#cut(
      [
        [0, 1],
        [1, 0],
        [place, 2],
        [2, place],
      ],
      chance.between(1000, 4000),
    )
    if (!other.up || other.vmPaused) return
    other.kill()
    schedule.after(chance.between(20, 300), () => other.start())
  }

  #cut(links: readonly (readonly [Place, Place])[], forMs: number): void {
    const { network, log } = this.#site
    log(`cut ${links.map(([from, to]) => `${'abC'[from]}>${'abC'[to]}`).join(' ')}`)
    for (const [from, to] of links) network.cut(from, to)
    this.#later(forMs, () => {
      log(`heal ${links.map(([from, to]) => `${'abC'[from]}>${'abC'[to]}`).join(' ')}`)
      for (const [from, to] of links) network.heal(from, to)
    })
  }

  #pause(machine: Machine, how: 'stop' | 'pause-vm'): void {
    if (!machine.runs) return
    const { starts } = machine.disk
    if (how === 'stop') machine.stop()
    else machine.pauseVm()
    const { chance, schedule } = this.#site
    schedule.after(chance.about(chance.pick([300, 4000])), () => {
      const paused = machine.stopped || machine.vmPaused
      if (paused && machine.disk.starts === starts) machine.resume()
    })
  }

  #kill(machine: Machine): void {
    if (!machine.up || machine.vmPaused) return
    machine.kill()
    const { chance, schedule } = this.#site
    const ms = chance.happens(0.6) ? chance.between(20, 900) : chance.about(6000)
    schedule.after(ms, () => machine.start())
  }

  #cutPower(machine: Machine): void {
    const { chance, schedule } = this.#site
    machine.cutPower()
    schedule.after(chance.about(8000), () => machine.powerOn())
  }

  #switchOver(): void {
    for (const machine of this.#site.machines) {
      const { state, clock } = machine
      if (!machine.runs || state === undefined || judgeSwitchOver(state, clock.now())) continue
      this.#site.log(`${machine.name} hands over`)
      return machine.take({ type: 'switch-over' })
    }
  }

  /** A machine comes back from a backup. That takes longer than anything is under way. */
  #restore(machine: Machine): void {
    const { backup } = machine
    const signed = machine.disk.ballot.stoodDown > 0 || machine.state?.ballot.stoodDown
    if (backup === undefined || !machine.powered || signed || this.#restored) return
    this.#restored = true
    const { schedule, chance, log, watch } = this.#site
    machine.cutPower()
    schedule.after(LATE_MS_MAX + chance.about(6000), () => {
      if (machine.powered) return
      log(`${machine.name} is restored from a backup`)
      machine.disk = backup
      watch.restored(machine)
      machine.powerOn()
    })
  }

  #later(ms: number, run: () => void): void {
    this.#site.schedule.after(ms, () => {
      if (this.#blows) run()
    })
  }

  /** Requests wait always, and a witness answers mostly: the rules alone hold a shot back. */
  #lookForShots(): void {
    const { schedule, chance, machines, rules } = this.#site
    schedule.after(chance.about(700), () => {
      const machine = chance.pick(machines)
      const asked = {
        requestWaits: true,
        witnessAnswers: chance.happens(0.8),
        identity: 'proven' as const,
      }
      const { state, clock } = machine
      if (this.#blows && this.#profile.shoots && machine.runs && state && !state.shooting) {
        if (rules.judgeShot(state, asked, clock.now()) === undefined) machine.shoot()
      }
      this.#lookForShots()
    })
  }
}
