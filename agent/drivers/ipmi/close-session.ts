import type { Command } from './command.ts'

/** Close Session, IPMI v1.5 §18.17; the request is the BMC's session id. Never insist on its reply. */
export const closeSession: Command<number, true> = {
  name: 'Close Session',
  netFn: 0x06,
  code: 0x3c,
  encode(bmcId) {
    const body = Buffer.alloc(4)
    body.writeUInt32LE(bmcId)
    return body
  },
  decode: () => true,
}
