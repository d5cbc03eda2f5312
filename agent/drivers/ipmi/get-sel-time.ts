import { type Command, EMPTY } from './command.ts'

/** Get SEL Time, IPMI v1.5 §25.10: the clock of the log's entries, in seconds. */
export const getSelTime: Command<void, number> = {
  name: 'Get SEL Time',
  netFn: 0x0a,
  code: 0x48,
  encode: () => EMPTY,
  decode: (body) => (body.length < 4 ? undefined : Buffer.from(body).readUInt32LE(0)),
}
