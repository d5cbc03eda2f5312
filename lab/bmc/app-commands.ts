// Commands about the BMC itself and its sessions (spec protocols.md §1.2, §1.3, §1.5, §1.7).
import { CODE, type Command } from './command.ts'
import { SUITES } from './suite.ts'

const APP = 0x06
const SUITE_CHUNK = 16
const LAN_CHANNEL = 1

const getDeviceId: Command = {
  netFn: APP,
  command: 0x01,
  privilege: 2,
  length: 0,
  handle: () => ({
    code: CODE.ok,
    // Device 20h, revision 1, firmware 1.10, IPMI 2.0, chassis and SEL support, no manufacturer.
    body: Uint8Array.from([0x20, 0x01, 0x01, 0x10, 0x02, 0x84, 0, 0, 0, 1, 0]),
  }),
}

const coldReset: Command = {
  netFn: APP,
  command: 0x02,
  privilege: 4,
  length: 0,
  handle: (_, { bmc }) => ({ code: CODE.ok, afterwards: () => bmc.restart() }),
}

const getDeviceGuid: Command = {
  netFn: APP,
  command: 0x08,
  privilege: 2,
  length: 0,
  handle: (_, { guid }) => ({ code: CODE.ok, body: guid }),
}

const getWatchdogTimer: Command = {
  netFn: APP,
  command: 0x25,
  privilege: 2,
  length: 0,
  handle: () => ({ code: CODE.ok, body: new Uint8Array(8) }),
}

const getSystemGuid: Command = { ...getDeviceGuid, command: 0x37, privilege: 0 }

const getChannelAuthCapabilities: Command = {
  netFn: APP,
  command: 0x38,
  privilege: 0,
  length: 2,
  handle(body, { hasKg }) {
    const extended = (body.readUInt8(0) & 0x80) !== 0
    const kgBit = hasKg ? 0x20 : 0
    const capabilities = [LAN_CHANNEL, extended ? 0x80 : 0x00, kgBit | 0x04, extended ? 0x02 : 0x00]
    return { code: CODE.ok, body: Uint8Array.from([...capabilities, 0, 0, 0, 0]) }
  },
}

const setSessionPrivilege: Command = {
  netFn: APP,
  command: 0x3b,
  privilege: 2,
  length: 1,
  handle(body, { session }) {
    if (!session) return { code: CODE.insufficientPrivilege }
    const wanted = body.readUInt8(0) & 0x0f
    if (wanted === 1 || wanted > 5) return { code: 0x80 }
    if (wanted > session.privilegeLimit) return { code: 0x81 }
    if (wanted !== 0) session.privilege = wanted
    return { code: CODE.ok, body: Uint8Array.from([session.privilege]) }
  },
}

const closeSession: Command = {
  netFn: APP,
  command: 0x3c,
  privilege: 2,
  length: 4,
  handle(body, { session, closeSession: close }) {
    const id = body.readUInt32LE(0)
    if (id !== session?.bmcId) return { code: 0x87 }
    return { code: CODE.ok, afterwards: () => close(id) }
  },
}

const getChannelAccess: Command = {
  netFn: APP,
  command: 0x41,
  privilege: 2,
  length: 2,
  // Always available, no per-message exceptions, administrator limit.
  handle: () => ({ code: CODE.ok, body: Uint8Array.from([0x02, 0x04]) }),
}

const getChannelDescription: Command = {
  netFn: APP,
  command: 0x42,
  privilege: 2,
  length: 1,
  handle: (_, { sessionCount }) => ({
    code: CODE.ok,
    // 802.3 LAN, IPMB-1.0 messages, multi-session; the protocol vendor is the IPMI forum itself.
    body: Uint8Array.from([LAN_CHANNEL, 0x04, 0x01, 0x80 | sessionCount, 0xf2, 0x1b, 0, 0, 0]),
  }),
}

const getChannelCipherSuites: Command = {
  netFn: APP,
  command: 0x54,
  privilege: 0,
  length: 3,
  handle(body, { suiteIds }) {
    const records = SUITES.filter((suite) => suiteIds.includes(suite.id)).flatMap((suite) => [
      0xc0,
      suite.id,
      suite.authentication,
      0x40 | suite.integrity,
      0x80 | suite.confidentiality,
    ])
    const from = (body.readUInt8(2) & 0x3f) * SUITE_CHUNK
    return {
      code: CODE.ok,
      body: Uint8Array.from([LAN_CHANNEL, ...records.slice(from, from + SUITE_CHUNK)]),
    }
  },
}

export const APP_COMMANDS: readonly Command[] = [
  getDeviceId,
  coldReset,
  getDeviceGuid,
  getWatchdogTimer,
  getSystemGuid,
  getChannelAuthCapabilities,
  setSessionPrivilege,
  closeSession,
  getChannelAccess,
  getChannelDescription,
  getChannelCipherSuites,
]
