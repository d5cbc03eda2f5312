import type { Command } from './command.ts'

const THIS_CHANNEL_V20 = 0x8e
const ADMINISTRATOR = 0x04

/**
 * Get Channel Authentication Capabilities, IPMI v1.5 §18.12, v2.0 §22.13 (spec protocols.md §1.2). Asked
 * outside a session, as a sign of life only: its status bits are known to lie, so they are not decoded.
 */
export const getChannelAuthenticationCapabilities: Command<void, true> = {
  name: 'Get Channel Authentication Capabilities',
  netFn: 0x06,
  code: 0x38,
  encode: () => Uint8Array.of(THIS_CHANNEL_V20, ADMINISTRATOR),
  decode: () => true,
}
