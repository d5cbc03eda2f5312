import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type {
  Answer,
  Link,
  PowerAction,
  PowerController,
  PowerReading,
} from '../../agent/drivers/driver.ts'
import {
  createIpmiPowerController,
  type IpmiOptions,
} from '../../agent/drivers/ipmi/power-controller.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { seededRandom } from '../lab/virtual-clock.ts'
import { ADMIN, type IpmiSimOptions, ipmiSimInstalled, startIpmiSim } from './ipmi-sim.ts'
import { openUdpRelay, PASS, type Passing, type UdpRelay } from './udp-relay.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function simulator(options: IpmiSimOptions) {
  const sim = await startIpmiSim(options)
  closing.push(() => sim.remove())
  return sim
}

async function relayTo(target: { address: string; port: number }): Promise<UdpRelay> {
  const relay = await openUdpRelay(target)
  closing.push(() => relay.close())
  return relay
}

function controllerOf(
  target: { address?: string; port: number },
  settings: Partial<IpmiOptions> = {},
) {
  const links: Link[] = []
  const heard: number[] = []
  const bound: string[] = []
  const controller = createIpmiPowerController({
    name: 'server1',
    address: target.address ?? '127.0.0.1',
    port: target.port,
    ...ADMIN,
    clock: nodeClock,
    random: nodeRandom,
    events: { linkChanged: (link) => links.push(link), heard: (askedAt) => heard.push(askedAt) },
    bindIdentity: (identity) => bound.push(identity),
    ...settings,
  })
  closing.push(() => controller.close())
  controller.start()
  return { controller, links, heard, bound }
}

/** Fires and collects whatever is answered, now or later. */
function shoot(controller: PowerController, action: PowerAction): Answer[] {
  const answers: Answer[] = []
  const fired = controller.arm(action)?.fire(
    () => true,
    (answer) => answers.push(answer),
  )
  expect(fired).toBe(true)
  return answers
}

async function answerTo(controller: PowerController, action: PowerAction): Promise<Answer> {
  const answers = shoot(controller, action)
  return vi.waitFor(
    () => {
      const [answer] = answers
      if (!answer) throw new Error('no answer yet')
      return answer
    },
    { timeout: 5000, interval: 2 },
  )
}

async function readingOf(controller: PowerController, timeoutMs = 2000): Promise<PowerReading> {
  const reading = await controller.read(timeoutMs)
  if (reading.value === 'silent') throw new Error(reading.detail)
  return reading
}

/** Sixteen characters are the most that this simulator's configuration keeps. */
const KG = 'sitekeyoftheBMC1'

const isSealed = ({ datagram }: Passing) => datagram[5] === 0xc0

describe.skipIf(!ipmiSimInstalled)('against ipmi_sim as Debian ships it (suite 3)', () => {
  test('power is read, and each action is executed exactly once', async () => {
    const sim = await simulator({ kind: 'stock' })
    const { controller, links, bound } = controllerOf(sim)
    expect(await controller.ready(2000)).toBe(true)
    expect(await readingOf(controller)).toMatchObject({ value: 'on', identity: 'proven' })
    expect(await answerTo(controller, 'reset')).toMatchObject({ kind: 'accepted' })
    expect(await answerTo(controller, 'off')).toMatchObject({ kind: 'accepted' })
    expect((await readingOf(controller)).value).toBe('off')
    expect(await answerTo(controller, 'on')).toMatchObject({ kind: 'accepted' })
    expect((await readingOf(controller)).value).toBe('on')
    expect(sim.actions()).toEqual(['reset', 'off', 'on'])
    expect(links.map(({ state }) => state)).toEqual(['connecting', 'up'])
    expect(bound).toEqual(['a123456789abcdefa123456789abcdef'])
    expect(controller.identity).toBe(bound[0])
  })

  test('an action that the BMC does not know is refused and does nothing', async () => {
    const sim = await simulator({ kind: 'stock' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    const answer = await answerTo(controller, 'nmi')
    expect(answer.kind).toBe('refused')
    expect(answer.detail).toContain('CCh')
    expect(sim.actions()).toEqual([])
  })

  test('IPv6 works like IPv4', async () => {
    const sim = await simulator({ kind: 'stock', address: '::1' })
    const { controller } = controllerOf(sim)
    expect(await controller.ready(2000)).toBe(true)
    expect((await readingOf(controller)).value).toBe('on')
    expect(await controller.probe(1000)).toBe(true)
  })
})

describe.skipIf(!ipmiSimInstalled)('against ipmi_sim with suite 17, NMI and faults', () => {
  test('suite 17 is chosen where the BMC has it, and an NMI is executed', async () => {
    const sim = await simulator({ kind: 'modules' })
    const relay = await relayTo(sim)
    const openings: (number | undefined)[] = []
    relay.rule = ({ datagram }) => {
      if (datagram[5] === 0x11) openings.push(datagram[16 + 16])
      return [0]
    }
    const { controller } = controllerOf(relay)
    await controller.ready(2000)
    // The authentication algorithm of the first and only Open Session Response: RAKP-HMAC-SHA256.
    expect(openings).toEqual([3])
    expect(await answerTo(controller, 'nmi')).toMatchObject({ kind: 'accepted' })
    expect(sim.actions()).toEqual(['diag'])
  })

  test.each([
    ['a wrong password', { password: 'palisade2' }, undefined, 'wrong password'],
    ['an unknown user', { username: 'nobody' }, undefined, 'user name unknown'],
    ['a missing Kg', {}, KG, 'wrong Kg'],
    ['a wrong Kg', { kg: Buffer.from('another key') }, KG, 'wrong Kg'],
  ])('%s is permanent within a second, and no login follows', async (_, settings, kg, said) => {
    const sim = await simulator({ kind: 'modules', ...(kg === undefined ? {} : { kg }) })
    const relay = await relayTo(sim)
    const { controller } = controllerOf(relay, settings)
    expect(await controller.ready(1000)).toBe(false)
    expect(controller.link).toMatchObject({ state: 'down', permanent: true })
    expect(controller.link.detail).toContain(said)
    expect(JSON.stringify(controller.link)).not.toContain('palisade2')
    const sent = relay.seen('request')
    await sleep(1000)
    expect(relay.seen('request')).toBe(sent)
    expect(controller.arm('reset')).toBeUndefined()
    expect(await controller.probe(1000)).toBe(true)
  })

  test('the right Kg opens the session', async () => {
    const sim = await simulator({ kind: 'modules', kg: KG })
    const { controller } = controllerOf(sim, { kg: Buffer.from(KG) })
    expect(await controller.ready(2000)).toBe(true)
    expect((await readingOf(controller)).value).toBe('on')
  })

  test('a refusal is told as refused, a code that proves nothing as lost', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    sim.setFaults({ cc: 0xd5 })
    expect((await answerTo(controller, 'reset')).kind).toBe('refused')
    sim.setFaults({ cc: 0xc3 })
    expect((await answerTo(controller, 'reset')).kind).toBe('lost')
    expect(sim.actions()).toEqual([])
  })

  test('a BMC that accepts and does nothing is found out by reading', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    sim.setFaults({ stuck: 1 })
    expect((await answerTo(controller, 'off')).kind).toBe('accepted')
    expect((await readingOf(controller)).value).toBe('on')
  })

  test('answers that are short or busy read as unknown, never as off', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    await answerTo(controller, 'off')
    sim.setFaults({ status_bytes: 2 })
    expect((await readingOf(controller)).value).toBe('unknown')
    sim.setFaults({ status_cc: 0xc0 })
    expect((await readingOf(controller, 600)).value).toBe('unknown')
    sim.setFaults({})
    expect((await readingOf(controller)).value).toBe('off')
  })

  test.each([700, 1500, 2500])(
    'a BMC that takes %d ms executes one action and is not logged in to anew',
    async (delayMs) => {
      const sim = await simulator({ kind: 'modules' })
      const { controller } = controllerOf(sim)
      await controller.ready(2000)
      const { session } = await readingOf(controller)
      sim.setFaults({ delay_ms: delayMs })
      expect((await answerTo(controller, 'reset')).kind).toBe('accepted')
      sim.setFaults({})
      await sleep(300)
      expect(sim.actions()).toEqual(['reset'])
      expect((await readingOf(controller)).session).toBe(session)
      expect(controller.link.state).toBe('up')
    },
  )
})

describe.skipIf(!ipmiSimInstalled)('an effect leaves at once', () => {
  test('in the very turn that fires it, even if that turn goes on for long', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    const firedAt = Date.now()
    const answers = shoot(controller, 'reset')
    while (Date.now() - firedAt < 300) {
      // Nothing of this process can send anything meanwhile.
    }
    await vi.waitFor(() => expect(answers).toHaveLength(1))
    const executed = sim.events().find(({ name }) => name === 'reset')
    expect((executed?.at ?? 0) - firedAt).toBeLessThan(280)
  })

  test('though a read is not answered', async () => {
    const sim = await simulator({ kind: 'modules' })
    const relay = await relayTo(sim)
    const { controller } = controllerOf(relay)
    await controller.ready(2000)
    relay.rule = (passing) => (passing.direction === 'reply' ? [] : [0])
    void controller.read(1000)
    shoot(controller, 'off')
    await vi.waitFor(() => expect(sim.actions()).toEqual(['off']), 300)
  })
})

describe.skipIf(!ipmiSimInstalled)('an effect is executed exactly once', () => {
  test('when the BMC stands still for three seconds with it pending', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    sim.pause()
    const answers = shoot(controller, 'reset')
    void controller.read(2500)
    await sleep(3000)
    expect(answers).toEqual([])
    sim.resume()
    await vi.waitFor(() => expect(answers).toHaveLength(1), 3000)
    expect(answers[0]?.kind).toBe('accepted')
    await sleep(500)
    expect(sim.actions()).toEqual(['reset'])
    expect((await readingOf(controller)).value).toBe('on')
  })

  test('when its reply is lost: unanswered while the session lives, and read past', async () => {
    const sim = await simulator({ kind: 'modules' })
    const relay = await relayTo(sim)
    const { controller, heard } = controllerOf(relay)
    await controller.ready(2000)
    let dropped = 0
    relay.rule = (passing) => {
      if (passing.direction !== 'reply' || !isSealed(passing) || dropped > 0) return [0]
      dropped++
      return []
    }
    const firedAt = nodeClock.now()
    const answers = shoot(controller, 'reset')
    const { session } = await vi.waitFor(async () => {
      const reading = await readingOf(controller)
      expect(reading.askedAt).toBeGreaterThan(firedAt)
      return reading
    })
    expect(Math.max(...heard)).toBeGreaterThan(firedAt)
    await sleep(2000)
    expect(dropped).toBe(1)
    expect(answers).toEqual([])
    expect(sim.actions()).toEqual(['reset'])
    expect((await readingOf(controller)).session).toBe(session)

    await sim.restart()
    expect((await readingOf(controller, 8000)).session).not.toBe(session)
    expect(answers).toMatchObject([{ kind: 'lost' }])
    expect(sim.actions()).toEqual(['reset'])
  })

  // Doubled requests are left out: this simulator, unlike a BMC, runs a repeated sequence number again.
  test('when the network reorders everything and doubles the replies', async () => {
    const sim = await simulator({ kind: 'modules' })
    const relay = await relayTo(sim)
    const { controller } = controllerOf(relay)
    await controller.ready(2000)
    relay.rule = ({ direction, ordinal }) => {
      const delayMs = ordinal % 2 === 0 ? 0 : 5
      return direction === 'reply' ? [delayMs, delayMs + 4] : [delayMs]
    }
    for (const action of ['reset', 'off', 'on', 'nmi'] as const) {
      const reading = controller.read(1000)
      expect((await answerTo(controller, action)).kind).toBe('accepted')
      expect((await reading).value).not.toBe('silent')
    }
    expect(sim.actions()).toEqual(['reset', 'off', 'on', 'diag'])
  })

  test('when a third of everything else is lost', async () => {
    const sim = await simulator({ kind: 'modules' })
    const relay = await relayTo(sim)
    const fate = seededRandom('a third is lost')
    relay.rule = () => (fate.fraction() < 1 / 3 ? [] : [0])
    const { controller } = controllerOf(relay)
    expect((await readingOf(controller, 10_000)).value).toBe('on')
    expect((await readingOf(controller, 4000)).value).toBe('on')
    relay.rule = PASS
    expect((await answerTo(controller, 'reset')).kind).toBe('accepted')
    expect(sim.actions()).toEqual(['reset'])
  })
})

describe.skipIf(!ipmiSimInstalled)('the session follows the BMC', () => {
  test('a restarted BMC gets a new session, and what was pending is lost', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller, bound } = controllerOf(sim)
    await controller.ready(2000)
    const before = await readingOf(controller)
    await sim.kill()
    const answers = shoot(controller, 'reset')
    await sim.start()
    const after = await readingOf(controller, 8000)
    expect(after.session).not.toBe(before.session)
    expect(after.sessionOpenedAt).toBeGreaterThan(before.answeredAt)
    expect(after.identity).toBe('proven')
    expect(answers).toMatchObject([{ kind: 'lost' }])
    expect(sim.actions()).toEqual([])
    expect(bound).toHaveLength(1)
  })

  test('a BMC with another GUID is a mismatch: nothing can be armed, readings say so', async () => {
    const sim = await simulator({ kind: 'modules' })
    const boundIdentity = 'b'.repeat(32)
    const { controller, bound } = controllerOf(sim, { boundIdentity })
    expect(await controller.ready(2000)).toBe(false)
    expect(controller.link).toMatchObject({ state: 'up', permanent: false })
    expect(controller.link.detail).toContain('identity mismatch')
    expect((await readingOf(controller)).identity).toBe('mismatch')
    expect(controller.arm('reset')).toBeUndefined()
    expect(bound).toEqual([])
  })

  test('a dead BMC is down within five seconds, silent to reads and probes, and comes back', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    await sim.kill()
    expect((await controller.read(1000)).value).toBe('silent')
    expect(await controller.probe(600)).toBe(false)
    await vi.waitFor(() => expect(controller.link.state).toBe('down'), 5000)
    expect(controller.arm('off')).toBeUndefined()
    expect(await controller.ready(1000)).toBe(false)
    await sim.start()
    await vi.waitFor(() => expect(controller.link.state).toBe('up'), 8000)
    expect(await controller.probe(600)).toBe(true)
    expect(controller.link.permanent).toBe(false)
  })

  test('closing closes the session at the BMC at once', async () => {
    const sim = await simulator({ kind: 'modules' })
    const { controller } = controllerOf(sim)
    await controller.ready(2000)
    const from = nodeClock.now()
    await controller.close()
    expect(nodeClock.now() - from).toBeLessThan(1000)
    expect(controller.arm('reset')).toBeUndefined()
    expect(await controller.read(1000)).toMatchObject({ value: 'silent', detail: 'closed' })
  })

  test('eighty logins in a row leave no session behind: the simulator has room for 63', async () => {
    const sim = await simulator({ kind: 'modules' })
    for (let logins = 0; logins < 80; logins++) {
      const { controller } = controllerOf(sim)
      expect(await controller.ready(2000)).toBe(true)
      await controller.close()
    }
  })
})
