import { expect, test } from 'vitest'
import { ServerModel, type ServerSettings } from '../../../lab/model/server.ts'
import { TYPICAL_SERVER } from '../../../lab/room.ts'
import { seededRandom, VirtualClock } from '../virtual-clock.ts'

function build(settings: Partial<ServerSettings> = {}) {
  const clock = new VirtualClock()
  const notices: number[] = []
  const server = new ServerModel(
    { ...TYPICAL_SERVER, name: 'S', supplies: 2, ...settings },
    { clock, random: seededRandom('server'), sendStopNotice: () => notices.push(clock.now()) },
  )
  clock.advance(TYPICAL_SERVER.os.bootMs)
  const startedAt = clock.now()
  return { clock, server, notices, sinceStart: () => clock.now() - startedAt, startedAt }
}

const BOOT = TYPICAL_SERVER.bmcBootMs

test('with one feed of two gone the BMC and the rails live on', () => {
  const { clock, server } = build()
  server.setInput(0, false)
  clock.advance(60_000)
  expect(server.bmc.state).toBe('up')
  expect(server.railVolts).toBe(12)
  expect(server.os.state).toBe('running')
})

test('with both feeds gone everything lives exactly as long as the capacitors', () => {
  const { clock, server } = build({ holdUpMs: 400 })
  server.setInput(0, false)
  server.setInput(1, false)
  clock.advance(399)
  expect([server.bmc.state, server.railVolts, server.os.state]).toEqual(['up', 12, 'running'])
  clock.advance(1)
  expect([server.bmc.state, server.railVolts, server.os.state]).toEqual(['unpowered', 0, 'off'])
})

test('a feed that comes back within the hold-up time loses nothing', () => {
  const { clock, server } = build({ holdUpMs: 400 })
  const { bootId } = server.os
  server.setInput(0, false)
  server.setInput(1, false)
  clock.advance(399)
  server.setInput(1, true)
  clock.advance(60_000)
  expect(server.railVolts).toBe(12)
  expect(server.os.bootId).toBe(bootId)
})

test('a BMC takes its boot time when power returns, and only then applies the restore policy', () => {
  const { clock, server } = build({ restorePolicy: 'previous' })
  server.setInput(0, false)
  server.setInput(1, false)
  clock.advance(5_000)
  server.setInput(0, true)
  clock.advance(BOOT - 1)
  expect([server.bmc.state, server.railVolts]).toEqual(['starting', 0])
  clock.advance(1)
  expect([server.bmc.state, server.railVolts, server.os.state]).toEqual(['up', 12, 'booting'])
})

test.each([
  { policy: 'on', before: 'off', volts: 12 },
  { policy: 'on', before: 'on', volts: 12 },
  { policy: 'off', before: 'on', volts: 0 },
  { policy: 'previous', before: 'off', volts: 0 },
  { policy: 'previous', before: 'on', volts: 12 },
] as const)('restore policy $policy after $before gives $volts V', ({ policy, before, volts }) => {
  const { clock, server } = build({ restorePolicy: policy })
  if (before === 'off') server.bmc.control('off')
  for (const live of [false, true]) {
    server.setInput(0, live)
    server.setInput(1, live)
    clock.advance(10_000)
  }
  expect(server.railVolts).toBe(volts)
})

test('a broken supply gives nothing, so cutting the other one kills the machine', () => {
  const { clock, server } = build()
  server.setFaults({ failedSupplies: [2] })
  server.setInput(0, false)
  clock.advance(TYPICAL_SERVER.holdUpMs)
  expect(server.railVolts).toBe(0)
})

test('every hard reset makes a new boot, and counts once', () => {
  const { clock, server } = build()
  const ids = new Set([server.os.bootId])
  for (let i = 0; i < 3; i++) {
    expect(server.bmc.control('reset').completionCode).toBe(0)
    ids.add(server.os.bootId)
    expect(server.os.state).toBe('booting')
    clock.advance(TYPICAL_SERVER.os.bootMs)
    expect(server.os.state).toBe('running')
  }
  expect(ids.size).toBe(4)
  expect(server.bmc.executed.reset).toBe(3)
  expect(server.railVolts).toBe(12)
})

test('off is off at once, on is another boot, and a cycle stays off for its time', () => {
  const { clock, server } = build({ cycleOffMs: 1_000 })
  server.bmc.control('off')
  expect([server.railVolts, server.os.state]).toEqual([0, 'off'])
  expect(server.bmc.state).toBe('up')
  server.bmc.control('on')
  expect([server.railVolts, server.os.boots]).toEqual([12, 2])
  server.bmc.control('cycle')
  clock.advance(999)
  expect(server.railVolts).toBe(0)
  clock.advance(1)
  expect([server.railVolts, server.os.boots]).toEqual([12, 3])
})

test('what needs power is refused with D5h while off', () => {
  const { server } = build()
  server.bmc.control('off')
  for (const action of ['cycle', 'reset', 'nmi', 'soft'] as const) {
    expect(server.bmc.control(action).completionCode).toBe(0xd5)
  }
  expect(server.os.boots).toBe(1)
})

test('an NMI panics the OS, which sends stop notices at its interval and then boots anew', () => {
  const { clock, server, notices, startedAt } = build()
  const { bootId } = server.os
  server.bmc.control('nmi')
  expect(server.os.state).toBe('panicked')
  clock.advance(4_000)
  expect(notices.map((at) => at - startedAt)).toEqual([500, 1_500, 2_500, 3_500])
  expect(server.os.state).toBe('booting')
  expect(server.os.bootId).not.toBe(bootId)
  clock.advance(60_000)
  expect(notices).toHaveLength(4)
})

test('without kdump an NMI halts the OS in silence', () => {
  const { clock, server, notices } = build()
  server.setFaults({ noKdump: true })
  server.bmc.control('nmi')
  clock.advance(60_000)
  expect([server.os.state, server.railVolts, notices.length]).toEqual(['halted', 12, 0])
})

test('a slow kdump sends its first notice later', () => {
  const { clock, server, notices, startedAt } = build()
  server.setFaults({ slowKdumpMs: 3_000 })
  server.bmc.control('nmi')
  clock.advance(3_600)
  expect(notices.map((at) => at - startedAt)).toEqual([3_500])
})

test('a reset during the dump ends the notices', () => {
  const { clock, server, notices } = build()
  server.bmc.control('nmi')
  clock.advance(600)
  server.bmc.control('reset')
  clock.advance(60_000)
  expect(notices).toHaveLength(1)
})

test('a soft shutdown ends with the power off, but only if the OS still listens', () => {
  const { clock, server } = build()
  server.bmc.control('soft')
  clock.advance(1_000)
  expect(server.railVolts).toBe(0)
  const deaf = build()
  deaf.server.os.halt()
  deaf.server.bmc.control('soft')
  deaf.clock.advance(60_000)
  expect(deaf.server.railVolts).toBe(12)
})

test('a lying BMC accepts, does nothing, and the oracle knows', () => {
  const { server } = build()
  server.setFaults({ acceptsAndDoesNothing: ['reset', 'off'] })
  expect(server.bmc.control('reset').completionCode).toBe(0)
  expect(server.bmc.control('off').completionCode).toBe(0)
  expect([server.railVolts, server.os.boots]).toEqual([12, 1])
  expect(server.bmc.executed).toMatchObject({ reset: 0, off: 0 })
  expect(server.bmc.controls.list().map(({ what }) => what.effect)).toEqual([false, false])
})

test('a refused NMI is answered with its code and touches nothing', () => {
  const { server } = build()
  server.setFaults({ refusesNmi: 0xcc })
  expect(server.bmc.control('nmi').completionCode).toBe(0xcc)
  expect(server.os.state).toBe('running')
})

test('lost replies are counted down, and each command is executed all the same', () => {
  const { server } = build()
  server.setFaults({ loseReplies: 2 })
  const answers = [1, 2, 3].map(() => server.bmc.control('reset').answerAfterMs)
  expect(answers).toEqual([undefined, undefined, 0])
  expect(server.bmc.executed.reset).toBe(3)
})

test('a BMC that resets itself has done its work, answers nothing and is away for its boot time', () => {
  const { clock, server } = build()
  server.setFaults({ resetsItselfMidOperation: true, saysOffAfterRestartMs: 2_000 })
  const { starts } = server.bmc
  expect(server.bmc.control('reset').answerAfterMs).toBeUndefined()
  expect([server.bmc.state, server.os.boots]).toEqual(['starting', 2])
  clock.advance(BOOT)
  expect(server.bmc.starts).toBe(starts + 1)
  expect(server.bmc.saysPowerOn()).toBe(false)
  expect(server.railVolts).toBe(12)
  clock.advance(2_000)
  expect(server.bmc.saysPowerOn()).toBe(true)
})

test('a late actor accepts at once and acts later', () => {
  const { clock, server } = build()
  server.setFaults({ actsLateMs: 700 })
  expect(server.bmc.control('off')).toEqual({ completionCode: 0, answerAfterMs: 0 })
  clock.advance(699)
  expect(server.railVolts).toBe(12)
  clock.advance(1)
  expect(server.railVolts).toBe(0)
})

test('the log notes each loss and return of an input, at the time of the BMC clock', () => {
  const { clock, server } = build()
  server.setFaults({ clockAheadS: 100 })
  const startS = Math.floor(clock.wallMs() / 1000)
  clock.advance(1_000)
  server.setInput(1, false)
  clock.advance(5_000)
  server.setInput(1, true)
  expect(server.bmc.log.list()).toEqual([
    { id: 1, atS: startS + 101, supply: 2, lost: true },
    { id: 2, atS: startS + 106, supply: 2, lost: false },
  ])
})

test('a BMC that died with its feeds notes at its start what has come back', () => {
  const { clock, server } = build()
  server.setInput(0, false)
  server.setInput(1, false)
  clock.advance(10_000)
  server.setInput(0, true)
  clock.advance(BOOT)
  const told = server.bmc.log.list().map(({ supply, lost }) => `${supply}${lost ? '-' : '+'}`)
  expect(told).toEqual(['1-', '2-', '1+'])
})

test('a closed machine leaves no timer behind', () => {
  const { clock, server } = build()
  server.bmc.control('nmi')
  server.setFaults({ actsLateMs: 500 })
  server.bmc.control('off')
  server.setInput(0, false)
  server.setInput(1, false)
  server.close()
  expect(clock.pending).toBe(0)
})
