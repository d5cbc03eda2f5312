import { type Command, EMPTY } from './command.ts'

export interface SelInfo {
  entries: number
}

/** Get SEL Info, IPMI v1.5 §25.2 (spec protocols.md §1.7). */
export const getSelInfo: Command<void, SelInfo> = {
  name: 'Get SEL Info',
  netFn: 0x0a,
  code: 0x40,
  encode: () => EMPTY,
  decode(body) {
    const [, low, high] = body
    if (low === undefined || high === undefined) return undefined
    return { entries: low + high * 256 }
  },
}
