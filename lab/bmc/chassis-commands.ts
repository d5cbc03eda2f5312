// Commands about the power of the machine (spec protocols.md §1.7).
import { CHASSIS_ACTIONS, type RestorePolicy } from '../model/chassis.ts'
import { CODE, type Command } from './command.ts'

const CHASSIS = 0x00
const POLICIES: readonly RestorePolicy[] = ['off', 'previous', 'on']

const getChassisCapabilities: Command = {
  netFn: CHASSIS,
  command: 0x00,
  privilege: 2,
  length: 0,
  handle: () => ({ code: CODE.ok, body: Uint8Array.from([0x04, 0x20, 0x20, 0x20, 0x20]) }),
}

const getChassisStatus: Command = {
  netFn: CHASSIS,
  command: 0x01,
  privilege: 2,
  length: 0,
  handle(_, { bmc }) {
    const policy = POLICIES.indexOf(bmc.restorePolicy) << 5
    return {
      code: CODE.ok,
      body: Uint8Array.from([policy | (bmc.saysPowerOn() ? 1 : 0), bmc.inputLost ? 1 : 0, 0]),
    }
  },
}

const chassisControl: Command = {
  netFn: CHASSIS,
  command: 0x02,
  privilege: 3,
  length: 1,
  handle(body, { bmc }) {
    const action = CHASSIS_ACTIONS[body.readUInt8(0) & 0x0f]
    if (!action) return { code: CODE.badField }
    const { completionCode, answerAfterMs } = bmc.control(action)
    return { code: completionCode, afterMs: answerAfterMs ?? 'never' }
  },
}

const setRestorePolicy: Command = {
  netFn: CHASSIS,
  command: 0x06,
  privilege: 3,
  length: 1,
  handle(body, { bmc }) {
    // 3 only asks which policies exist.
    const policy = POLICIES[body.readUInt8(0) & 0x07]
    if (policy) bmc.restorePolicy = policy
    return { code: CODE.ok, body: Uint8Array.from([0x07]) }
  },
}

const getSystemRestartCause: Command = {
  netFn: CHASSIS,
  command: 0x07,
  privilege: 2,
  length: 0,
  handle: (_, { bmc }) => ({ code: CODE.ok, body: Uint8Array.from([bmc.lastCause, 1]) }),
}

export const CHASSIS_COMMANDS: readonly Command[] = [
  getChassisCapabilities,
  getChassisStatus,
  chassisControl,
  setRestorePolicy,
  getSystemRestartCause,
]
