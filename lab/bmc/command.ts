// What one IPMI command of the lab's BMC is made of.
import type { Bmc } from '../model/bmc.ts'
import type { Session } from './session-table.ts'

export const CODE = {
  ok: 0x00,
  unsupported: 0xc1,
  badLength: 0xc7,
  outOfRange: 0xc9,
  absent: 0xcb,
  badField: 0xcc,
  insufficientPrivilege: 0xd4,
} as const

export interface Answer {
  code: number
  body?: Uint8Array
  /** Undefined: at once. `never`: the answer is lost. */
  afterMs?: number | 'never'
  /** Done once the answer has been sealed: a closed session still seals its own goodbye. */
  afterwards?: () => void
}

export interface CommandContext {
  bmc: Bmc
  guid: Uint8Array
  /** Undefined outside a session. */
  session: Session | undefined
  suiteIds: readonly number[]
  hasKg: boolean
  sessionCount: number
  closeSession(bmcId: number): boolean
}

export interface Command {
  netFn: number
  command: number
  /** Lowest privilege; 0 = also outside a session. */
  privilege: 0 | 2 | 3 | 4
  /** Least length of the request body. */
  length: number
  handle(body: Buffer, context: CommandContext): Answer
}
