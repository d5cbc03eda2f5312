import { expect, test } from 'vitest'
import { PAYLOAD } from '../../../lab/bmc/datagram.ts'
import { SUITE_3, SUITE_17 } from '../../../lab/bmc/suite.ts'
import {
  askOutside,
  buildBmc,
  Console,
  exchangePlain,
  GUID,
  getConsole,
  login,
  openRequest,
} from './console.ts'

const STATUS = [0x00, 0x01] as const
const CONTROL = [0x00, 0x02] as const
const RESET = 3
const ADMINISTRATOR = 4

function raise(session: Console) {
  expect(session.ask(0x06, 0x3b, [ADMINISTRATOR])?.code).toBe(0)
  return session
}

test.each([SUITE_3, SUITE_17])('suite $id opens a session that both sides have proved', (suite) => {
  const { responder } = buildBmc()
  const { session } = getConsole(responder, { suite })
  expect(session).toMatchObject({ provesPassword: true, provesKey: true })
  expect(session.exchange.guid).toEqual(GUID)
})

test('a wrong password ends at RAKP 4 with 0Fh and leaves no session', () => {
  const { responder } = buildBmc()
  expect(login(responder, { password: 'wrong' })).toEqual({ status: 0x0f })
  expect(responder.sessionCount).toBe(0)
})

test('an unknown user ends at RAKP 2 with 0Dh, too high a role with 0Ah', () => {
  const account = { username: 'admin', password: 'x', privilege: 3 as const }
  const { responder } = buildBmc({ account })
  expect(login(responder, { user: 'root' })).toEqual({ status: 0x0d })
  expect(login(responder, { password: 'x', privilege: 4 })).toEqual({ status: 0x0a })
  expect(login(responder, { password: 'x', privilege: 3 })).toBeInstanceOf(Console)
})

test('a BMC key changes only the session keys: the wrong one shows at the console', () => {
  const kg = Buffer.from('KgKgKgKgKgKgKgKgKgKg')
  const account = { username: 'admin', password: 'x', privilege: 4 as const, kg }
  const { responder } = buildBmc({ account })
  expect(getConsole(responder, { password: 'x' }).session.provesKey).toBe(false)
  expect(getConsole(responder, { password: 'x', kg }).session.provesKey).toBe(true)
})

test('a suite that is not on offer is refused with 04h', () => {
  const { responder } = buildBmc({ suites: [3] })
  expect(login(responder, { suite: SUITE_17 })).toEqual({ status: 0x04 })
})

test('a session that was not opened takes no RAKP 1 or 3', () => {
  const { responder } = buildBmc()
  for (const type of [PAYLOAD.rakp1, PAYLOAD.rakp3]) {
    expect(exchangePlain(responder, type, Buffer.alloc(40)).readUInt8(1)).toBe(0x02)
  }
})

test('slots are few, half-open ones free themselves soon, idle ones after a minute', () => {
  const { clock, responder } = buildBmc({ sessionSlots: 2 })
  const first = getConsole(responder, { consoleId: 1 })
  exchangePlain(responder, PAYLOAD.openRequest, openRequest(SUITE_17, 2))
  expect(login(responder, { consoleId: 3 })).toEqual({ status: 0x01 })
  clock.advance(5_001)
  const second = getConsole(responder, { consoleId: 3 })
  clock.advance(50_000)
  expect(second.ask(...STATUS)?.code).toBe(0)
  clock.advance(10_000)
  expect(first.ask(...STATUS)).toBeUndefined()
  expect(second.ask(...STATUS)?.code).toBe(0)
})

test('closing frees the slot and the session is gone, its goodbye still sealed', () => {
  const { responder } = buildBmc()
  const session = getConsole(responder)
  const id = Buffer.alloc(4)
  id.writeUInt32LE(session.session.exchange.bmcId)
  expect(session.ask(0x06, 0x3c, [1, 2, 3, 4])?.code).toBe(0x87)
  expect(session.ask(0x06, 0x3c, [...id])?.code).toBe(0)
  expect(responder.sessionCount).toBe(0)
  expect(session.ask(...STATUS)).toBeUndefined()
})

test('a forced full table answers 01h to everyone', () => {
  const { responder, server } = buildBmc()
  server.setFaults({ sessionFull: true })
  expect(login(responder)).toEqual({ status: 0x01 })
})

test('control needs operator, which has to be asked for', () => {
  const { responder, server } = buildBmc()
  const session = getConsole(responder)
  expect(session.ask(...CONTROL, [RESET])?.code).toBe(0xd4)
  expect(server.bmc.controls.list()).toEqual([])
  expect(raise(session).ask(...CONTROL, [RESET])?.code).toBe(0)
  expect(server.os.boots).toBe(2)
})

test('a role cannot be raised above what the login asked for', () => {
  const { responder } = buildBmc()
  const session = getConsole(responder, { privilege: 3 })
  expect(session.ask(0x06, 0x3b, [4])?.code).toBe(0x81)
})

test('the same datagram twice acts once; the same command sent anew acts again', () => {
  const { responder, server } = buildBmc()
  const session = raise(getConsole(responder))
  const datagram = session.request(...CONTROL, [RESET])
  expect(session.answerTo(datagram)?.code).toBe(0)
  expect(session.answerTo(datagram)).toBeUndefined()
  expect(server.bmc.executed.reset).toBe(1)
  expect(session.ask(...CONTROL, [RESET])?.code).toBe(0)
  expect(server.bmc.executed.reset).toBe(2)
})

test.each([
  { power: 'on', byte: 0x21 },
  { power: 'off', byte: 0x20 },
] as const)('status tells $power and the restore policy', ({ power, byte }) => {
  const { responder, server } = buildBmc()
  const session = raise(getConsole(responder))
  session.ask(...CONTROL, [power === 'on' ? 1 : 0])
  expect(session.ask(...STATUS)?.body).toEqual(Buffer.from([byte, 0, 0]))
  expect(server.railVolts).toBe(power === 'on' ? 12 : 0)
})

test('a restart of the BMC ends its sessions, and while it starts it is silent', () => {
  const { clock, responder, server } = buildBmc()
  const session = getConsole(responder)
  server.bmc.restart()
  expect(session.ask(...STATUS)).toBeUndefined()
  clock.advance(3_000)
  expect(session.ask(...STATUS)).toBeUndefined()
  expect(getConsole(responder).ask(...STATUS)?.code).toBe(0)
})

test('a BMC without power says nothing at all', () => {
  const { clock, responder, server } = buildBmc()
  const session = getConsole(responder)
  server.setInput(0, false)
  server.setInput(1, false)
  clock.advance(1_000)
  expect(session.ask(...STATUS)).toBeUndefined()
  expect(() => login(responder)).toThrow('no answer')
})

test('a lost reply is an act without an answer', () => {
  const { responder, server } = buildBmc()
  const session = raise(getConsole(responder))
  server.setFaults({ loseReplies: 1 })
  expect(session.ask(...CONTROL, [RESET])).toBeUndefined()
  expect(server.bmc.executed.reset).toBe(1)
  expect(session.ask(...STATUS)?.code).toBe(0)
})

test('a slow control is acted on at once and answered late', () => {
  const { responder, server } = buildBmc()
  const session = raise(getConsole(responder))
  server.setFaults({ slowControlMs: 700 })
  expect(session.ask(...CONTROL, [RESET])).toMatchObject({ code: 0, afterMs: 700 })
  expect(server.bmc.executed.reset).toBe(1)
})

test('outside a session only harmless questions are answered', () => {
  const { responder, server } = buildBmc()
  expect(askOutside(responder, 0x06, 0x38, [0x8e, 4])).toEqual(
    Buffer.from([0, 1, 0x80, 0x04, 0x02, 0, 0, 0, 0]),
  )
  expect(askOutside(responder, 0x06, 0x54, [0x0e, 0, 0x80])).toEqual(
    Buffer.from('0001c003014181c011034481', 'hex'),
  )
  expect(askOutside(responder, 0x06, 0x37).subarray(1)).toEqual(GUID)
  expect(askOutside(responder, ...CONTROL, [RESET]).readUInt8(0)).toBe(0xd4)
  expect(server.bmc.controls.list()).toEqual([])
})

test('the GUID can be zero, or that of another machine', () => {
  const { responder, server } = buildBmc()
  server.setFaults({ zeroGuid: true })
  expect(getConsole(responder).session.exchange.guid).toEqual(Buffer.alloc(16))
  server.setFaults({ zeroGuid: false, foreignGuid: true })
  const { session } = getConsole(responder, { consoleId: 5 })
  expect(session.provesPassword).toBe(true)
  expect(session.exchange.guid).not.toEqual(GUID)
})

test('the log is read entry by entry, with the time of the BMC', () => {
  const { responder, server } = buildBmc()
  const session = getConsole(responder)
  expect(session.ask(0x0a, 0x43, [0, 0, 0, 0, 0, 0xff])?.code).toBe(0xcb)
  server.setInput(1, false)
  server.setInput(1, true)
  expect(session.ask(0x0a, 0x40)?.body.readUInt16LE(1)).toBe(2)
  const first = session.ask(0x0a, 0x43, [0, 0, 0, 0, 0, 0xff])?.body
  expect(first?.readUInt16LE(0)).toBe(2)
  expect(first?.subarray(12)).toEqual(Buffer.from([0x08, 0x52, 0x6f, 0x03, 0xff, 0xff]))
  const last = session.ask(0x0a, 0x43, [0, 0, 0xff, 0xff, 0, 0xff])?.body
  expect(last?.readUInt16LE(0)).toBe(0xffff)
  expect(last?.readUInt8(14)).toBe(0xef)
  expect(session.ask(0x0a, 0x48)?.body.readUInt32LE()).toBe(server.bmc.timeS)
})

test('what a BMC does not know it says, and what is too short too', () => {
  const { responder } = buildBmc()
  const session = raise(getConsole(responder))
  expect(session.ask(0x2c, 0x00)?.code).toBe(0xc1)
  expect(session.ask(...CONTROL)?.code).toBe(0xc7)
  expect(session.ask(...CONTROL, [9])?.code).toBe(0xcc)
})
