import { type Command, EMPTY } from './command.ts'

/** Get System GUID, IPMI v1.5 §18.13; optional, so C1h is an ordinary answer. */
export const getSystemGuid: Command<void, Uint8Array> = {
  name: 'Get System GUID',
  netFn: 0x06,
  code: 0x37,
  encode: () => EMPTY,
  decode: (body) => (body.length < 16 ? undefined : body.subarray(0, 16)),
}
