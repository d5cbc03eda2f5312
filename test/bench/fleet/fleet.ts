// The fleet seen from the bench: its agents live in a process of their own, so that they take no time from what
// is measured but that of the machine.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface FleetPlan {
  url: string
  adminToken: string
  sites: number
  servers: number
}

export type FleetQuestion =
  /** Makes the sites, enrols their agents and applies their documents. */
  | { ask: 'prepare'; plan: FleetPlan }
  /** All at once; answered when the last is welcomed. */
  | { ask: 'connect' }
  /** Every link is lost at once; answered when the last is welcomed again. */
  | { ask: 'cut' }
  /** Answered when every agent holds its document and all that it told is stored. */
  | { ask: 'settle' }
  | { ask: 'hold' }
  /** All held ladders go on at once; answered when the control plane has stored the last of them. */
  | { ask: 'climb' }
  /** Answered when all these orders have been received. */
  | { ask: 'orders'; orders: readonly string[] }
  | { ask: 'look' }

export interface FleetAnswer {
  /** Monotonic ms of this machine. */
  startedAt: number
  /** Of each agent, when it was welcomed last; those that are not connected are missing. */
  welcomedAt: number[]
  /** When the end of each ladder was stored, since the question. */
  endedAt: number[]
  /** Of the orders asked for, when each was received. */
  receivedAt: number[]
  dials: number
  pings: number
  pongs: number
  fault?: string
}

export class Fleet {
  readonly plan: FleetPlan
  readonly #process: ChildProcess

  private constructor(plan: FleetPlan, process_: ChildProcess) {
    this.plan = plan
    this.#process = process_
  }

  static async open(plan: FleetPlan): Promise<Fleet> {
    const fleet = new Fleet(plan, fork(join(import.meta.dirname, 'fleet-process.ts')))
    await fleet.ask({ ask: 'prepare', plan })
    return fleet
  }

  ask(question: FleetQuestion): Promise<FleetAnswer> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('the process of the fleet ended'))
      this.#process.once('exit', ended)
      this.#process.once('message', (message) => {
        this.#process.off('exit', ended)
        const answer = message as FleetAnswer
        if (answer.fault === undefined) resolve(answer)
        else reject(new Error(`the fleet: ${answer.fault}`))
      })
      this.#process.send(question)
    })
  }

  /** When each of these orders was received by its agent. */
  async received(orders: readonly string[]): Promise<number[]> {
    return (await this.ask({ ask: 'orders', orders })).receivedAt
  }

  async close(): Promise<void> {
    if (!this.#process.connected) return
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}
