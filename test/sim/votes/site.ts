// One site: two management servers with their agents, the control plane, the network between them, and who
// watches that never two act.
import type { Voters } from '../../../core/votes/voters.ts'
import { type Chance, chanceOf } from './chance.ts'
import { ControlPlane } from './control-plane.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import type { Rules } from './rules.ts'
import { Schedule } from './schedule.ts'
import { Watch } from './watch.ts'

const VOTERS: Voters = { version: 1, A: 'a', B: 'b' }

export interface SiteOptions {
  seed: number
  rules: Rules
  /** Range of the time from power to the started agent, ms. */
  bootMs: readonly [number, number]
  trace?: ((line: string) => void) | undefined
}

export class Site {
  readonly schedule = new Schedule()
  readonly chance: Chance
  readonly network: Network
  readonly controlPlane: ControlPlane
  readonly rules: Rules
  readonly watch: Watch
  readonly machines: readonly [Machine, Machine]
  readonly bootMs: readonly [number, number]
  readonly log: (line: string) => void

  constructor({ seed, rules, bootMs, trace }: SiteOptions) {
    const { schedule } = this
    this.log = trace
      ? (line) => trace(`${(schedule.now / 1000).toFixed(3).padStart(9)} ${line}`)
      : () => {}
    this.rules = rules
    this.bootMs = bootMs
    this.chance = chanceOf(seed)
    this.network = new Network(schedule, this.chance)
    this.controlPlane = new ControlPlane(VOTERS, schedule, this.chance, rules)
    this.machines = [new Machine(this, 0, VOTERS), new Machine(this, 1, VOTERS)]
    this.watch = new Watch(schedule, this.machines, this.log)
  }
}
