import { type Command, EMPTY } from './command.ts'

export interface ChassisStatus {
  poweredOn: boolean
  powerFault: boolean
}

/** Get Chassis Status, IPMI v1.5 §22.2 (spec protocols.md §1.7). Needs USER. */
export const getChassisStatus: Command<void, ChassisStatus> = {
  name: 'Get Chassis Status',
  netFn: 0x00,
  code: 0x01,
  encode: () => EMPTY,
  decode(body) {
    const [power] = body
    // Three bytes are certain; the fourth, the front-panel buttons, is optional.
    if (power === undefined || body.length < 3) return undefined
    return { poweredOn: (power & 0b0000_0001) !== 0, powerFault: (power & 0b0000_1000) !== 0 }
  },
}
