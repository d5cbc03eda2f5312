import { describe, expect, test } from 'vitest'
import { rig } from './rig.ts'

const isSealed = (datagram: Uint8Array) => datagram[5] === 0xc0
const ACTIONS = { off: 0, on: 1, reset: 3, nmi: 4 } as const

describe('an effect', () => {
  test.each(Object.entries(ACTIONS))('%s goes out once and is accepted', async (action, code) => {
    const { bmc, pass, shoot } = rig()
    await pass(100)
    const { fired, answers } = shoot(action as keyof typeof ACTIONS)
    await pass(3000)
    expect(fired).toBe(true)
    expect(answers).toMatchObject([{ kind: 'accepted' }])
    expect(bmc.executed).toEqual([code])
  })

  test('leaves in the turn of its guard, and never when the guard says no', async () => {
    const { bmc, pass, controller } = rig()
    await pass(100)
    const sent: number[] = []
    bmc.losesRequest = () => {
      sent.push(sent.length)
      return false
    }
    const armed = controller.arm('reset')
    let asked = 0
    const guard = (verdict: boolean) => () => {
      asked++
      return verdict
    }
    expect(armed?.fire(guard(false), () => {})).toBe(false)
    expect(sent).toHaveLength(0)
    expect(armed?.fire(guard(true), () => {})).toBe(true)
    expect(sent).toHaveLength(1)
    expect(armed?.fire(guard(true), () => {})).toBe(false)
    expect(asked).toBe(2)
    await pass(1000)
    expect(bmc.executed).toEqual([3])
  })

  test('is executed once though the network doubles every request', async () => {
    const { bmc, pass, shoot } = rig()
    await pass(200)
    bmc.doubles = true
    const { answers } = shoot('reset')
    await pass(1000)
    expect(bmc.executed).toEqual([3])
    expect(answers).toHaveLength(1)
  })

  test('does not queue behind a read that is not answered', async () => {
    const { bmc, pass, shoot, readings } = rig()
    await pass(100)
    bmc.status = () => 'silent'
    const { read } = readings()
    read(1000)
    const { answers } = shoot('reset')
    await pass(50)
    expect(answers).toMatchObject([{ kind: 'accepted' }])
  })

  test('without an answer stays open while its session lives, and never goes out again', async () => {
    const { bmc, clock, heard, pass, shoot, read } = rig()
    await pass(100)
    bmc.control = () => 'silent'
    const firedAt = clock.now()
    const { answers } = shoot('reset')
    await pass(25)
    for (let second = 0; second < 60; second++) {
      const reading = await read()
      expect(reading.value).toBe('on')
      expect(reading.askedAt).toBeGreaterThan(firedAt)
    }
    expect(answers).toEqual([])
    expect(bmc.executed).toEqual([3])
    expect(bmc.sessionCount).toBe(1)
    expect(heard.at(-1)).toBeGreaterThan(firedAt)
  })

  test('is answered however late, in the old session while no new one is open', async () => {
    const { bmc, pass, shoot, read, controller } = rig()
    await pass(100)
    bmc.pause()
    const { answers } = shoot('reset')
    await read(1000)
    await pass(20_000)
    expect(controller.link.state).toBe('down')
    expect(answers).toEqual([])
    bmc.resume()
    await pass(100)
    expect(answers).toMatchObject([{ kind: 'accepted' }])
    expect(bmc.executed).toEqual([3])
    expect(controller.link.state).toBe('up')
  })

  test('is lost, and said so once, when a restarted BMC has opened a new session', async () => {
    const { bmc, pass, shoot, read } = rig()
    await pass(100)
    const before = await read()
    bmc.restart()
    const { answers } = shoot('reset')
    const after = await read(3000)
    expect(after).toMatchObject({ value: 'on' })
    expect(after).not.toMatchObject({ session: 'session' in before && before.session })
    expect(answers).toMatchObject([{ kind: 'lost' }])
    await pass(5000)
    expect(answers).toHaveLength(1)
    expect(bmc.executed).toEqual([])
  })

  test.each([
    [0xc0, 'refused'],
    [0xc1, 'refused'],
    [0xcc, 'refused'],
    [0xd4, 'refused'],
    [0xd5, 'refused'],
    [0xc3, 'lost'],
    [0xce, 'lost'],
    [0xcf, 'lost'],
    [0xd2, 'lost'],
    [0xff, 'lost'],
    [0x80, 'lost'],
    [0x01, 'lost'],
  ])('answered with completion code %d is %s', async (code, kind) => {
    const { bmc, pass, shoot } = rig()
    await pass(100)
    bmc.control = () => code
    const { answers } = shoot('reset')
    await pass(50)
    expect(answers).toMatchObject([{ kind }])
  })

  test('when forty go unanswered, a new session settles them and memory stays bounded', async () => {
    const { bmc, pass, shoot } = rig()
    await pass(100)
    bmc.control = () => 'silent'
    const shots = Array.from({ length: 40 }, () => shoot('reset'))
    expect(shots.filter(({ fired }) => fired)).toHaveLength(32)
    await pass(2000)
    for (const { fired, answers } of shots) {
      expect(answers.map(({ kind }) => kind)).toEqual(fired ? ['lost'] : [])
    }
    expect(bmc.executed).toHaveLength(32)
    expect(shoot('off').fired).toBe(true)
  })

  test('cannot be armed before there is a session, nor after closing', async () => {
    const { controller, pass } = rig()
    expect(controller.arm('off')).toBeUndefined()
    await pass(100)
    expect(controller.arm('off')).toBeDefined()
    const closing = controller.close()
    expect(controller.arm('off')).toBeUndefined()
    await pass(300)
    await closing
    expect(controller.link.detail).toBe('closed')
  })
})

describe('a read', () => {
  test('is one question for all who ask in the same moment', async () => {
    const { bmc, pass, readings } = rig()
    await pass(100)
    const asked = bmc.asked.length
    const { collected, read } = readings()
    for (let readers = 0; readers < 20; readers++) read(1000)
    await pass(100)
    expect(collected).toHaveLength(20)
    expect(bmc.asked.slice(asked)).toEqual(['0/1'])
  })

  test('never takes the answer to a question that was asked before it', async () => {
    const { bmc, clock, pass, readings } = rig({}, (it) => {
      it.latencyMs = 20
    })
    await pass(500)
    const { collected, read } = readings()
    read(1000)
    clock.advance(10)
    const cameAt = clock.now()
    read(1000)
    await pass(200)
    expect(collected).toHaveLength(2)
    expect(collected[1]?.askedAt).toBeGreaterThanOrEqual(cameAt)
    expect(bmc.asked.filter((command) => command === '0/1')).toHaveLength(2)
  })

  test('is asked again within its time, and tells when the answered question went out', async () => {
    const { bmc, clock, pass, read } = rig()
    await pass(100)
    let sent = 0
    bmc.losesRequest = (datagram) => isSealed(datagram) && ++sent <= 2
    const from = clock.now()
    const reading = await read(1500)
    expect(reading.value).toBe('on')
    expect(reading.askedAt).toBe(from + 800)
  })

  test('waits for a session within its time', async () => {
    const { bmc, pass, readings } = rig({}, (it) => {
      it.dead = true
    })
    const { collected, read } = readings()
    read(10_000)
    await pass(3500)
    bmc.dead = false
    await pass(5000)
    expect(collected).toMatchObject([{ value: 'on' }])
  })

  test('that gets no answer is silence, not a power state', async () => {
    const { bmc, pass, read } = rig()
    await pass(100)
    bmc.dead = true
    expect(await read(900)).toMatchObject({ value: 'silent' })
  })

  test.each([
    ['two bytes', { code: 0, body: [0, 0] }],
    ['no bytes', { code: 0, body: [] }],
    ['an error', { code: 0xd5, body: [0, 0, 0] }],
    ['busy all the time', { code: 0xc0, body: [0, 0, 0] }],
    ['an unspecified error', { code: 0xff, body: [1, 0, 0] }],
  ])('answered with %s is unknown', async (_, status) => {
    const { bmc, pass, read } = rig()
    await pass(100)
    bmc.status = () => status
    expect(await read(900)).toMatchObject({ value: 'unknown' })
  })

  test.each([
    [0b0000_0000, 'off'],
    [0b1111_1110, 'off'],
    [0b0000_0001, 'on'],
    [0b1111_1111, 'on'],
  ])('judges bit 0 of %d alone: %s', async (byte, value) => {
    const { bmc, pass, read } = rig()
    await pass(100)
    bmc.status = () => ({ code: 0, body: [byte, 0xff, 0xff, 0xff] })
    expect(await read(900)).toMatchObject({ value })
  })

  test('that finds the BMC busy gets the answer a moment later', async () => {
    const { bmc, pass, read } = rig()
    await pass(100)
    let busy = 2
    bmc.status = () => (busy-- > 0 ? { code: 0xc0, body: [] } : { code: 0, body: [0, 0, 0] })
    expect(await read(1500)).toMatchObject({ value: 'off' })
  })
})

test('a busy BMC is asked no faster than a silent one', async () => {
  const { bmc, pass, read } = rig()
  await pass(100)
  bmc.status = () => ({ code: 0xc0, body: [] })
  const asked = bmc.asked.length
  await read(1150)
  expect(bmc.asked.length - asked).toBe(3)
})

describe('an idle controller', () => {
  test('keeps one timer and asks once in twenty seconds', async () => {
    const { bmc, clock, pass, links } = rig()
    await pass(1000)
    expect(clock.pending).toBe(1)
    const asked = bmc.asked.length
    await pass(60_000)
    expect(bmc.asked.length - asked).toBe(3)
    expect(links.map(({ state }) => state)).toEqual(['connecting', 'up'])
  })

  test('closed keeps no timer and leaves no session', async () => {
    const { bmc, clock, pass, controller } = rig()
    await pass(1000)
    const closing = controller.close()
    await pass(10)
    await closing
    expect(clock.pending).toBe(0)
    expect(bmc.sessionCount).toBe(0)
  })

  test('close waits 200 ms at most for a dead BMC', async () => {
    const { bmc, clock, pass, controller, shoot } = rig()
    await pass(1000)
    bmc.dead = true
    const { answers } = shoot('off')
    let closedAt = 0
    const from = clock.now()
    void controller.close().then(() => {
      closedAt = clock.now()
    })
    await pass(500)
    expect(closedAt - from).toBeLessThanOrEqual(200)
    expect(answers).toMatchObject([{ kind: 'lost' }])
  })
})

describe('a probe', () => {
  test('is answered by a BMC that refuses our login', async () => {
    const { controller, pass } = rig({ password: 'wrong' })
    await pass(500)
    expect(controller.link.permanent).toBe(true)
    const answered = controller.probe(500)
    await pass(100)
    expect(await answered).toBe(true)
  })

  test('asks again when a datagram is lost, and is false when time is over', async () => {
    const { bmc, controller, pass } = rig()
    await pass(100)
    let lost = 0
    bmc.losesRequest = () => ++lost <= 2
    const answered = controller.probe(1000)
    await pass(600)
    expect(await answered).toBe(true)
    bmc.dead = true
    const unanswered = controller.probe(1000)
    await pass(1100)
    expect(await unanswered).toBe(false)
  })
})
