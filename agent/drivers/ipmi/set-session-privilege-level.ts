import type { Command } from './command.ts'

export const OPERATOR = 0x03
export const ADMINISTRATOR = 0x04
export type PrivilegeLevel = typeof OPERATOR | typeof ADMINISTRATOR

/** Set Session Privilege Level, IPMI v1.5 §18.16. A session starts at USER whatever was negotiated. */
export const setSessionPrivilegeLevel: Command<PrivilegeLevel, number> = {
  name: 'Set Session Privilege Level',
  netFn: 0x06,
  code: 0x3b,
  encode: (level) => Uint8Array.of(level),
  decode: (body) => body[0],
}
