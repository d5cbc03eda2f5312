import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chassisControl } from '../../../../agent/drivers/ipmi/chassis-control.ts'
import { SUITE_17 } from '../../../../agent/drivers/ipmi/cipher-suite.ts'
import { getChassisStatus } from '../../../../agent/drivers/ipmi/get-chassis-status.ts'
import { openPacket, sealPacket } from '../../../../agent/drivers/ipmi/packet.ts'
import { deriveSessionKeys } from '../../../../agent/drivers/ipmi/rakp.ts'
import { unwrapV20 } from '../../../../agent/drivers/ipmi/rmcp.ts'
import { SequenceWindow } from '../../../../agent/drivers/ipmi/sequence-window.ts'
import { type Ask, type Reply, Session } from '../../../../agent/drivers/ipmi/session.ts'
import { seededRandom } from '../../../lab/virtual-clock.ts'

const CONSOLE_ID = 0xa1a2a3a4
const BMC_ID = 0x01020304
const keys = deriveSessionKeys(SUITE_17, Buffer.alloc(32, 0x5a))
const iv = Buffer.alloc(16, 0x11)

function openSession() {
  const heard: number[] = []
  const session = new Session({
    consoleId: CONSOLE_ID,
    bmcId: BMC_ID,
    keys,
    random: seededRandom('session'),
    openedAt: 0,
    heard: (askedAt) => heard.push(askedAt),
  })
  const replies: Reply[] = []
  const ask = (purpose: Ask['purpose'], askedAt: number, lost?: () => void): Ask => ({
    purpose,
    askedAt,
    answered: (reply) => replies.push(reply),
    ...(lost ? { lost } : {}),
  })
  /** Asks, and returns the message number that went out. */
  const status = (askedAt: number) => rqSeqOf(session, ask('question', askedAt), false)
  const shot = (askedAt: number, lost?: () => void) =>
    rqSeqOf(session, ask('effect', askedAt, lost), true)
  return { session, heard, replies, status, shot }
}

function rqSeqOf(session: Session, ask: Ask, effect: boolean): number | undefined {
  const composed = effect
    ? session.compose(chassisControl, 'reset', ask)
    : session.compose(getChassisStatus, undefined, ask)
  const packet = composed && unwrapV20(composed.datagram)
  const message = packet && openPacket(keys, packet)
  return message && (message[4] ?? 0) >> 2
}

interface Answer {
  rqSeq?: number | undefined
  netFn?: number
  code?: number
  sequence?: number
  sessionId?: number
}

function receive(session: Session, answer: Answer): boolean {
  const { rqSeq = 0, netFn = 1, code = 1, sequence = 1, sessionId = CONSOLE_ID } = answer
  const message = Buffer.from([0x81, netFn << 2, 0, 0x20, rqSeq << 2, code, 0, 1, 0, 0, 0])
  const packet = unwrapV20(sealPacket(keys, { sessionId, sequence, iv, message }))
  if (!packet) throw new Error('the sealed packet does not unwrap')
  return session.receive(packet)
}

describe('an answer', () => {
  test('is taken once, for the question it answers, and heard with the time of that question', () => {
    const { session, heard, replies, status } = openSession()
    const first = status(10)
    const second = status(20)
    expect(receive(session, { rqSeq: second, sequence: 1 })).toBe(true)
    expect(heard).toEqual([20])
    expect(receive(session, { rqSeq: second, sequence: 2 })).toBe(false)
    expect(receive(session, { rqSeq: first, sequence: 3 })).toBe(true)
    expect(heard).toEqual([20, 10])
    expect(replies).toHaveLength(2)
  })

  test.each([
    ['another session', { sessionId: CONSOLE_ID + 1 }],
    ['another message number', { rqSeq: 63 }],
    ['another network function', { netFn: 7 }],
    ['a request', { netFn: 0 }],
    ['another command', { code: 2 }],
    ['sequence zero', { sequence: 0 }],
  ])('of %s is dropped', (_, wrong) => {
    const { session, heard, status } = openSession()
    const rqSeq = status(10)
    expect(receive(session, { rqSeq, ...wrong })).toBe(false)
    expect(heard).toEqual([])
    expect(receive(session, { rqSeq, sequence: 5 })).toBe(true)
  })

  test('that is replayed is dropped, though its message number is in use again', () => {
    const { session, status } = openSession()
    const rqSeq = status(0)
    expect(receive(session, { rqSeq, sequence: 7 })).toBe(true)
    let again = status(1)
    for (let sequence = 8; again !== rqSeq; sequence++) {
      receive(session, { rqSeq: again, sequence })
      again = status(1)
    }
    expect(receive(session, { rqSeq, sequence: 7 })).toBe(false)
  })

  test('to a question cannot pass for the answer to an effect', () => {
    const { session, replies, shot } = openSession()
    const rqSeq = shot(10)
    expect(receive(session, { rqSeq, code: 1 })).toBe(false)
    expect(replies).toEqual([])
    expect(receive(session, { rqSeq, code: 2, sequence: 2 })).toBe(true)
  })
})

describe('message numbers', () => {
  test('held by a pending effect are never used again', () => {
    const { session, shot, status } = openSession()
    const held = shot(0)
    for (let asked = 1; asked <= 500; asked++) {
      const rqSeq = status(asked * 1000)
      expect(rqSeq).not.toBe(held)
      receive(session, { rqSeq, sequence: asked })
    }
    expect(session.pendingEffects).toBe(1)
  })

  test('of unanswered questions rest for a minute, and some are kept for effects', () => {
    const { status, shot } = openSession()
    const used = new Set<number | undefined>()
    for (let asked = 0; asked < 48; asked++) used.add(status(asked))
    expect(used.size).toBe(48)
    expect(status(1000)).toBeUndefined()
    for (let shots = 0; shots < 16; shots++) used.add(shot(1000))
    expect(used.size).toBe(64)
    expect(shot(1000)).toBeUndefined()
    expect(status(60_000)).toBeUndefined()
    expect(status(60_017)).toBeDefined()
  })
})

describe('the session', () => {
  test('numbers its packets from 1 without a gap', () => {
    const { session } = openSession()
    const ask: Ask = { purpose: 'question', askedAt: 0, answered() {} }
    const sequences = Array.from({ length: 5 }, () => {
      const composed = session.compose(getChassisStatus, undefined, ask)
      return composed && unwrapV20(composed.datagram)?.sequence
    })
    expect(sequences).toEqual([1, 2, 3, 4, 5])
  })

  test('given up reports each pending effect lost, once', () => {
    const { session, shot, status } = openSession()
    let lost = 0
    shot(0, () => lost++)
    status(1)
    session.abandon('given up')
    session.abandon('given up')
    expect(lost).toBe(1)
    expect(session.pendingEffects).toBe(0)
  })

  test('shows no key when it is printed', () => {
    const { session } = openSession()
    const { inspect } = process.getBuiltinModule('node:util')
    const shown = inspect(session, { depth: 9, showHidden: true })
    expect(shown).not.toContain('5a5a')
    expect(shown).not.toContain(Buffer.from(keys.integrity).toString('hex').slice(0, 8))
    expect(JSON.stringify(session)).not.toContain('integrity')
  })

  test('drops arbitrary datagrams and arbitrary authentic messages without a crash', () => {
    const { session, heard } = openSession()
    const anything = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(anything, fc.nat({ max: 0xffff_ffff }), (noise, sequence) => {
        const raw = unwrapV20(noise)
        if (raw) session.receive(raw)
        const sealing = { sessionId: CONSOLE_ID, sequence, iv, message: noise }
        const sealed = unwrapV20(sealPacket(keys, sealing))
        if (sealed) session.receive(sealed)
        expect(heard).toEqual([])
      }),
      { numRuns: 500, verbose: 1 },
    )
  })
})

describe('the sequence window', () => {
  test('takes each number once, in any order within 32', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 200 }), (sequences) => {
        const window = new SequenceWindow()
        const taken = new Set<number>()
        let highest = 0
        for (const sequence of sequences) {
          const expected = !taken.has(sequence) && sequence > highest - 32
          expect(window.accept(sequence)).toBe(expected)
          if (expected) taken.add(sequence)
          highest = Math.max(highest, sequence)
        }
      }),
      { verbose: 1 },
    )
  })

  test('goes on over the wrap, and takes no number of before it twice', () => {
    const window = new SequenceWindow()
    for (const sequence of [0xffff_fffd, 0xffff_ffff, 0xffff_fffe, 1, 2, 3]) {
      expect(window.accept(sequence)).toBe(true)
    }
    for (const sequence of [0xffff_ffff, 0xffff_fffd, 1, 3]) {
      expect(window.accept(sequence)).toBe(false)
    }
  })

  test('follows a jump ahead, and takes nothing from before it', () => {
    const window = new SequenceWindow()
    expect(window.accept(1)).toBe(true)
    expect(window.accept(0xffff_ffff)).toBe(true)
    expect(window.accept(1)).toBe(false)
    expect(window.accept(0xffff_fff0)).toBe(true)
    expect(window.accept(0)).toBe(false)
  })
})
