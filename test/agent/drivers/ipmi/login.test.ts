import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../../core/ports.ts'
import { VirtualClock } from '../../../lab/virtual-clock.ts'
import { rig } from './rig.ts'

describe('the way in', () => {
  test('is suite 17 with administrator, one packet of each kind', async () => {
    const { bmc, controller, pass } = rig()
    await pass(50)
    expect(controller.link.state).toBe('up')
    expect(bmc.logins).toEqual(['17.0'])
    expect(bmc.roles).toEqual([0x14])
    expect(bmc.asked).toEqual(['6/3b'])
  })

  test.each([0x01, 0x04, 0x0a, 0x11, 0x12])(
    'goes on to suite 3 when 17 is refused with status %d, and remembers it',
    async (status) => {
      const { bmc, controller, pass, read } = rig({}, (it) => {
        it.openStatus = ({ suite }) => (suite?.id === 17 ? status : 0)
      })
      await pass(50)
      expect(controller.link.state).toBe('up')
      bmc.restart()
      await read(3000)
      expect(bmc.logins).toEqual(['17.0', '3.0', '3.0'])
    },
  )

  test('states the privilege in Open Session where the BMC wants it', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.openStatus = ({ privilege }) => (privilege === 0 ? 0x09 : 0)
    })
    await pass(50)
    expect(controller.link.state).toBe('up')
    expect(bmc.logins).toEqual(['17.0', '3.0', '17.4'])
  })

  test('copes with boards that hash the privilege of Open Session', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.hashesOpenPrivilege = true
      it.openStatus = () => 0
    })
    await pass(50)
    // Role 14h and Open Session privilege 4 with the name-only bit hash the same.
    expect(controller.link.state).toBe('up')
    expect(bmc.logins).toEqual(['17.0', '17.4'])
  })

  test.each([0x09, 0x0a])('falls back to operator when RAKP 1 gets status %d', async (status) => {
    const { bmc, controller, pass, shoot } = rig({}, (it) => {
      it.roleStatus = (role) => (role > 3 ? status : 0)
      it.levelLimit = 3
    })
    await pass(50)
    expect(controller.link.state).toBe('up')
    expect(bmc.roles).toEqual([0x14, 0x13])
    const { answers } = shoot('off')
    await pass(50)
    expect(answers).toMatchObject([{ kind: 'accepted' }])
  })

  test('does as operator when only the session cannot be raised to administrator', async () => {
    const { bmc, controller, pass, shoot } = rig({}, (it) => {
      it.levelLimit = 3
    })
    await pass(50)
    expect(controller.link.state).toBe('up')
    expect(bmc.roles).toEqual([0x14])
    const { answers } = shoot('off')
    await pass(50)
    expect(answers).toMatchObject([{ kind: 'accepted' }])
  })

  test('asks for the highest privilege where the BMC wants exactly that', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.roleStatus = (role) => (role === 0 ? 0 : 0x0a)
      it.levelLimit = 3
    })
    await pass(50)
    expect(controller.link.state).toBe('up')
    expect(bmc.roles).toEqual([0x14, 0x13, 0x10])
  })

  test('survives the loss of any single handshake packet', async () => {
    for (let victim = 1; victim <= 4; victim++) {
      for (const side of ['losesRequest', 'losesReply'] as const) {
        const { bmc, controller, pass } = rig()
        let seen = 0
        bmc[side] = () => ++seen === victim
        await pass(2500)
        expect(controller.link, `${side} ${victim}`).toMatchObject({ state: 'up' })
      }
    }
  })

  test.each([300, 600, 1500])(
    'leads into a BMC whose answers take %d ms, drawing its random number anew',
    async (ms) => {
      const { controller, pass } = rig({}, (it) => {
        it.latencyMs = ms / 2
      })
      await pass(10_000)
      expect(controller.link).toMatchObject({ state: 'up', permanent: false })
    },
  )

  test('is not taken when the BMC opens without authentication', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.downgrades = true
    })
    await pass(200)
    expect(bmc.logins).toEqual(['17.0', '3.0', '17.4', '3.4'])
    expect(bmc.roles).toEqual([])
    expect(controller.link).toMatchObject({ state: 'down', permanent: false })
  })

  test('survives one doubled packet, though the BMC draws its random number twice', async () => {
    const { bmc, controller, pass } = rig()
    bmc.doubles = true
    bmc.losesReply = (datagram) => {
      if (datagram[5] === 0x15) bmc.doubles = false
      return false
    }
    await pass(500)
    expect(controller.link).toMatchObject({ state: 'up', permanent: false })
  })

  test('survives a line that doubles every packet, though the BMC draws its random number twice', async () => {
    const { bmc, controller, pass } = rig()
    bmc.doubles = true
    await pass(1000)
    expect(controller.link).toMatchObject({ state: 'up', permanent: false })
  })

  test('waits for a BMC that takes two seconds for every answer', async () => {
    const { controller, pass } = rig({}, (it) => {
      it.latencyMs = 1000
    })
    await pass(20_000)
    expect(controller.link).toMatchObject({ state: 'up', permanent: false })
  })
})

describe('refused for good, with no further login', () => {
  test.each([
    ['a wrong password', 'wrong password', { password: 'palisade2' }],
    ['an unknown user', '0Dh', { username: 'nobody' }],
    ['a Kg that the BMC does not have', 'wrong Kg', { kg: Buffer.from('key') }],
  ])('%s', async (_, said, settings) => {
    const { bmc, controller, links, pass } = rig(settings)
    await pass(500)
    expect(controller.link).toMatchObject({ state: 'down', permanent: true })
    expect(controller.link.detail).toContain(said)
    const logins = bmc.logins.length
    await pass(120_000)
    expect(bmc.logins).toHaveLength(logins)
    expect(links.map(({ state }) => state)).toEqual(['connecting', 'down'])
    expect(JSON.stringify(links)).not.toContain('palisade2')
  })

  test('a privilege below operator', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.levelLimit = 2
    })
    await pass(60_000)
    expect(controller.link).toMatchObject({ state: 'down', permanent: true })
    expect(controller.link.detail).toContain('privilege too low')
    expect(bmc.roles).toEqual([0x14, 0x13, 0x10])
    expect(bmc.sessionCount).toBe(0)
  })

  test('a proof that is not accepted again and again', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.rakp4Status = 0x0f
    })
    await pass(60_000)
    expect(controller.link).toMatchObject({ state: 'down', permanent: true })
    expect(bmc.roles).toHaveLength(3)
  })

  test('and ready does not wait for what will not come', async () => {
    const { controller, pass } = rig({ password: 'palisade2' })
    await pass(500)
    expect(await controller.ready(60_000)).toBe(false)
  })
})

describe('refused for now, and tried again', () => {
  test('while all sessions are taken, ever more slowly, up to every five seconds', async () => {
    const { bmc, controller, pass } = rig({}, (it) => {
      it.openStatus = () => 0x01
    })
    await pass(10_000)
    expect(controller.link).toMatchObject({ state: 'down', permanent: false })
    expect(controller.link.detail).toContain('sessions of the BMC are taken')
    const before = bmc.logins.length
    await pass(60_000)
    const rounds = (bmc.logins.length - before) / 4
    expect(rounds).toBeGreaterThanOrEqual(11)
    expect(rounds).toBeLessThanOrEqual(25)
    bmc.openStatus = () => 0
    await pass(6000)
    expect(controller.link.state).toBe('up')
  })

  test('by the proven way only, when it was proven before', async () => {
    const { bmc, pass, read } = rig()
    await pass(100)
    bmc.restart()
    bmc.openStatus = () => 0x01
    await read(1900)
    expect(bmc.logins).toEqual(['17.0', '17.0'])
  })

  test('while nothing answers: down after three seconds, up soon after it is back', async () => {
    const { bmc, controller, links, pass } = rig({}, (it) => {
      it.dead = true
    })
    await pass(2500)
    expect(controller.link.state).toBe('connecting')
    await pass(1000)
    expect(controller.link).toMatchObject({ state: 'down', permanent: false })
    await pass(120_000)
    bmc.dead = false
    await pass(6000)
    expect(controller.link.state).toBe('up')
    expect(links.map(({ state }) => state)).toEqual(['connecting', 'down', 'up'])
  })
})

describe('a session that falls silent', () => {
  test('is replaced within two seconds of asking when the BMC restarted', async () => {
    const { bmc, clock, pass, read } = rig()
    await pass(100)
    bmc.restart()
    const from = clock.now()
    const reading = await read(3000)
    if (reading.value === 'silent') throw new Error(reading.detail)
    expect(reading.answeredAt - from).toBeLessThan(2000)
    expect(reading.sessionOpenedAt).toBeGreaterThan(from)
  })

  test('stays when it answers again before a new one is open, and the new one is closed', async () => {
    const { bmc, pass, read } = rig()
    await pass(100)
    const before = await read(100)
    bmc.pause()
    await read(2000)
    bmc.resume()
    await pass(1000)
    expect(await read(500)).toMatchObject({ session: 'session' in before && before.session })
    expect(bmc.sessionCount).toBe(1)
  })

  test('takes the link down after three seconds of asking, in which nothing is fired late', async () => {
    const { bmc, controller, pass, read } = rig()
    await pass(100)
    bmc.dead = true
    await read(1000)
    expect(controller.link.state).toBe('up')
    await pass(2600)
    expect(controller.link.state).toBe('down')
    expect(controller.arm('reset')).toBeUndefined()
    expect(await controller.ready(1000)).toBe(false)
    bmc.dead = false
    await pass(6000)
    expect(controller.link.state).toBe('up')
  })

  test('only because this process stood still is not taken for dead', async () => {
    const clock = new VirtualClock()
    let stoodStillMs = 0
    const now = () => clock.now() + stoodStillMs
    const after: Clock['after'] = (delayMs, callback) => clock.after(delayMs, callback)
    const wall = () => clock.wall()
    const { bmc, controller, links, read } = rig(
      { clock: { now, after, wall, wallMs: () => clock.wallMs() } },
      undefined,
      clock,
    )
    clock.advance(100)
    bmc.pause()
    void controller.read(10_000)
    clock.advance(390)
    stoodStillMs = 5000
    clock.advance(20)
    bmc.resume()
    clock.advance(10)
    expect(links.map(({ state }) => state)).toEqual(['connecting', 'up'])
    expect(await read(500)).toMatchObject({ value: 'on' })
  })

  test('of a BMC that opens sessions and never answers in them costs few of its slots', async () => {
    const { bmc, pass, read } = rig()
    await pass(100)
    bmc.status = () => 'silent'
    const before = bmc.logins.length
    for (let second = 0; second < 60; second++) await read(975)
    expect(bmc.logins.length - before).toBeLessThan(20)
  })
})

describe('identity', () => {
  const GUID = 'a123456789abcdefa123456789abcdef'
  const OTHER = 'b'.repeat(32)
  const zero = Buffer.alloc(16)

  test('is bound at first contact, once', async () => {
    const { bmc, bound, controller, pass, read } = rig()
    await pass(100)
    bmc.restart()
    expect(await read(3000)).toMatchObject({ identity: 'proven' })
    expect(bound).toEqual([GUID])
    expect(controller.identity).toBe(GUID)
  })

  test('that differs from the bound one is a mismatch: nothing is armed, reads tell', async () => {
    const { controller, pass, read, bound } = rig({ boundIdentity: OTHER })
    await pass(100)
    expect(controller.arm('off')).toBeUndefined()
    expect(await controller.ready(1000)).toBe(false)
    expect(await read(500)).toMatchObject({ value: 'on', identity: 'mismatch' })
    expect(controller.link.detail).toContain(GUID)
    expect(bound).toEqual([])
  })

  test('that changes behind the same address is a mismatch from the next session on', async () => {
    const { bmc, controller, pass, read } = rig()
    await pass(100)
    bmc.guid = Buffer.from(OTHER, 'hex')
    bmc.restart()
    expect(await read(3000)).toMatchObject({ identity: 'mismatch' })
    expect(controller.arm('off')).toBeUndefined()
  })

  test.each([0x00, 0xff])('of sixteen bytes %d proves nothing', async (byte) => {
    const { controller, pass, read, bound } = rig({}, (it) => {
      it.guid = Buffer.alloc(16, byte)
    })
    await pass(100)
    expect(await read(500)).toMatchObject({ identity: 'unproven' })
    expect(controller.arm('off')).toBeDefined()
    expect(bound).toEqual([])
  })

  test('comes from Get System GUID where RAKP 2 tells none', async () => {
    const { bound, pass, read } = rig({}, (it) => {
      it.guid = zero
      it.systemGuid = Buffer.from(OTHER, 'hex')
    })
    await pass(100)
    expect(await read(500)).toMatchObject({ identity: 'proven' })
    expect(bound).toEqual([OTHER])
  })

  test('is proven by either of the two that the BMC tells', async () => {
    const { pass, read } = rig({ boundIdentity: OTHER }, (it) => {
      it.systemGuid = Buffer.from(OTHER, 'hex')
    })
    await pass(100)
    expect(await read(500)).toMatchObject({ identity: 'proven' })
  })
})
