import type { PowerAction } from '../driver.ts'
import type { Command } from './command.ts'

const CONTROL: Record<PowerAction, number> = { off: 0x00, on: 0x01, reset: 0x03, nmi: 0x04 }

/** Chassis Control, IPMI v1.5 §22.3 (spec protocols.md §1.7). Needs OPERATOR; the one command with an effect. */
export const chassisControl: Command<PowerAction, true> = {
  name: 'Chassis Control',
  netFn: 0x00,
  code: 0x02,
  encode: (action) => Uint8Array.of(CONTROL[action]),
  decode: () => true,
}
