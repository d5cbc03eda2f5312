// Whatever a network can deliver: no crash, no false answer, no login given up.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer } from '../../../../agent/drivers/driver.ts'
import {
  createIpmiPowerController,
  type IpmiOptions,
} from '../../../../agent/drivers/ipmi/power-controller.ts'
import type { OpenUdp, UdpEvents } from '../../../../agent/drivers/ipmi/udp.ts'
import { seededRandom, VirtualClock } from '../../../lab/virtual-clock.ts'
import { ScriptedBmc } from './scripted-bmc.ts'

/** A controller whose sockets a forger can write to. */
function forgeable() {
  const clock = new VirtualClock()
  const bmc = new ScriptedBmc(clock)
  const sockets: UdpEvents[] = []
  const openUdp: OpenUdp = (address, port, events) => {
    sockets.push(events)
    return bmc.openUdp(address, port, events)
  }
  const replies: Buffer[] = []
  bmc.losesReply = (datagram) => {
    replies.push(Buffer.from(datagram))
    return false
  }
  const options: IpmiOptions = {
    name: 'server1',
    address: '192.0.2.1',
    port: 623,
    username: 'admin',
    password: 'palisade1',
    clock,
    random: seededRandom('forgeable'),
    events: { linkChanged() {}, heard() {} },
  }
  const controller = createIpmiPowerController(options, openUdp)
  controller.start()
  const forge = (datagram: Uint8Array) => {
    for (const socket of sockets) socket.received(datagram)
  }
  return { clock, bmc, controller, forge, replies }
}

const noise = fc.uint8Array({ maxLength: 120 })
/** Noise with a header that gets past the first look. */
const plausible = fc
  .tuple(fc.constantFrom(0x00, 0x11, 0x13, 0x15, 0xc0, 0x40), noise)
  .map(([type, rest]) => {
    const header = Buffer.from([0x06, 0x00, 0xff, 0x07, 0x06, type])
    const length = Buffer.from([rest.length, 0])
    return Buffer.concat([header, Buffer.alloc(8), length, rest])
  })

test('noise at any moment crashes nothing and stops no login', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(noise, plausible), { maxLength: 30 }), (datagrams) => {
      const { clock, controller, forge } = forgeable()
      for (const datagram of datagrams) {
        forge(datagram)
        clock.advance(0.5)
      }
      clock.advance(1000)
      expect(controller.link).toMatchObject({ state: 'up' })
    }),
    { numRuns: 300, verbose: 1 },
  )
})

test('a probe takes no answer to a question that it did not ask', async () => {
  const { clock, bmc, controller, forge } = forgeable()
  clock.advance(100)
  bmc.dead = true
  const answered = controller.probe(600)
  clock.advance(100)
  // Message number 40 in the session-less wrapper; the probe has asked one question so far.
  const header = Buffer.from('0600ff0700000000000000000008', 'hex')
  forge(Buffer.concat([header, Buffer.from([0x81, 0x1c, 0, 0x20, 40 << 2, 0x38, 0, 0])]))
  forge(Buffer.from('0600ff0700', 'hex'))
  forge(Buffer.from('0600ff0706', 'hex'))
  clock.advance(600)
  expect(await answered).toBe(false)
})

test('a refusal that guesses the tag but not the session ends no logins', () => {
  const { clock, bmc, controller, forge } = forgeable()
  bmc.latencyMs = 50
  clock.advance(150)
  // Open Session is answered, RAKP 1 is under way: "user name unknown" under every tag.
  expect(bmc.logins).toHaveLength(1)
  for (let tag = 0; tag < 256; tag++) {
    const header = Buffer.from('0600ff07061300000000000000000800', 'hex')
    forge(Buffer.concat([header, Buffer.from([tag, 0x0d, 0, 0, 0, 0, 0, 0])]))
  }
  clock.advance(3000)
  expect(controller.link).toMatchObject({ state: 'up', permanent: false })
})

test('altered and replayed replies answer no effect', () => {
  const alteration = fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(fc.array(alteration, { minLength: 1, maxLength: 30 }), (alterations) => {
      const { clock, bmc, controller, forge, replies } = forgeable()
      clock.advance(100)
      bmc.control = () => 'silent'
      const answers: Answer[] = []
      const armed = controller.arm('reset')
      armed?.fire(
        () => true,
        (answer) => answers.push(answer),
      )
      clock.advance(450)
      expect(replies.length).toBeGreaterThan(4)
      for (const [which, at, mask] of alterations) {
        const reply = Buffer.from(replies[which % replies.length] ?? [])
        forge(reply)
        reply.writeUInt8(reply.readUInt8(at % reply.length) ^ mask, at % reply.length)
        forge(reply)
      }
      expect(answers).toEqual([])
      expect(controller.link.state).toBe('up')
    }),
    { numRuns: 200, verbose: 1 },
  )
})
