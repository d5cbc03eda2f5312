// ipmi_sims, each on a loopback address of its own, and what reached their chassis.
import { ADMIN, type ChassisEvent, type IpmiSim, startIpmiSim } from '../peers/ipmi-sim.ts'
import type { Place } from './farm.ts'

export const SIM_ACCOUNT = ADMIN

export interface Sim extends Place {
  sim: IpmiSim
}

export function startSims(count: number): Promise<Sim[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const address = `127.0.29.${index + 1}`
      // Different machines: the agent binds the identity of each.
      const guid = (0xa1234567 + index).toString(16).padStart(8, '0').repeat(4)
      const sim = await startIpmiSim({ kind: 'modules', address, guid })
      return { sim, name: `S${index}`, address, port: sim.port }
    }),
  )
}

export async function stopSims(sims: readonly Sim[]): Promise<void> {
  await Promise.all(sims.map(({ sim }) => sim.remove()))
}

/** The first chassis command of these names at or after `since`, epoch ms; looks for up to two seconds. */
export async function executedAt(
  sim: IpmiSim,
  names: readonly string[],
  since: number,
): Promise<number> {
  for (let tries = 0; tries < 400; tries++) {
    const found = sim.events().find((event) => isOne(event, names, since))
    if (found) return found.at
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`the simulator executed none of ${names.join(', ')}`)
}

function isOne({ at, name }: ChassisEvent, names: readonly string[], since: number): boolean {
  // Half a millisecond of room for the alignment of the clocks.
  return names.includes(name) && at >= since - 0.5
}
