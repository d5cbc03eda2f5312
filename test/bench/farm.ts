// Many simulated servers in another process: where they are, and what their BMCs executed when.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export const FARM_ACCOUNT = { username: 'palisade', password: 'bench-of-palisade' }
export const FARM_COMMUNITY = 'bench'

/** Outlets of each PDU. */
export const OUTLETS = 12

export interface FarmPlan {
  servers: number
  /** Each server hangs on one outlet of two PDUs each. */
  feeds: boolean
}

export type FarmQuestion = { ask: 'open'; plan: FarmPlan } | { ask: 'controls' }

export interface Place {
  name: string
  address: string
  port: number
}

export interface Control {
  server: string
  action: string
  /** Monotonic ms of this machine, when the BMC had decrypted and executed it. */
  at: number
}

export interface FarmAnswer {
  servers: Place[]
  pdus: Place[]
  controls: Control[]
  /** That the devices have received so far. */
  datagrams: number
}

export class Farm {
  readonly servers: readonly Place[]
  readonly pdus: readonly Place[]
  readonly #process: ChildProcess

  private constructor(process_: ChildProcess, { servers, pdus }: FarmAnswer) {
    this.#process = process_
    this.servers = servers
    this.pdus = pdus
  }

  static async open(plan: FarmPlan): Promise<Farm> {
    const process_ = fork(join(import.meta.dirname, 'farm-process.ts'))
    return new Farm(process_, await ask(process_, { ask: 'open', plan }))
  }

  /** Where the supplies of the server at this index hang. */
  feedsOf(index: number): { pdu: string; outlet: number }[] {
    return [outletOf(index, 0), outletOf(index, 1)]
  }

  async controls(): Promise<Control[]> {
    return (await ask(this.#process, { ask: 'controls' })).controls
  }

  async datagrams(): Promise<number> {
    return (await ask(this.#process, { ask: 'controls' })).datagrams
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}

export function outletOf(server: number, side: 0 | 1): { pdu: string; outlet: number } {
  return { pdu: `pdu-${Math.floor(server / OUTLETS) * 2 + side}`, outlet: 1 + (server % OUTLETS) }
}

function ask(process_: ChildProcess, question: FarmQuestion): Promise<FarmAnswer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('the process of the simulated servers ended'))
    process_.once('exit', ended)
    process_.once('message', (answer) => {
      process_.off('exit', ended)
      resolve(answer as FarmAnswer)
    })
    process_.send(question)
  })
}
