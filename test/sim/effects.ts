// Every effect that left an agent, followed until its device has taken it or never will.
import type { PowerAction } from '../../agent/drivers/driver.ts'

export type EffectState = 'flying' | 'waiting' | 'taken' | 'dropped'

export interface Effect {
  id: number
  /** Whose machine it touches. */
  server: string
  /** `bmc` or `PDU/OUTLET`. */
  device: string
  action: PowerAction
  sentAt: number
  state: EffectState
  /** The intent that it left by, as the judge found it on the disk. */
  order?: string
  shot?: number
}

/** It may still touch the machine. */
export function isUnderWay({ state }: Effect): boolean {
  return state === 'flying' || state === 'waiting'
}
