// Spec redundancy.md, "When the peer's vote cannot be had" and "Sending an effect".
import { describe, expect, test } from 'vitest'
import { judgeShot, judgeSwitchOver, mayFire } from '../../../core/votes/lease.ts'
import type { PeerPower } from '../../../core/votes/state.ts'
import { type Name, Pair } from './pair.ts'

const BOTH_CUT = ['ab', 'ba', 'aC', 'Ca', 'bC', 'Cb']
const ASKED = { requestWaits: true, witnessAnswers: true, identity: 'proven' } as const

function read(pair: Pair, name: Name, change: Partial<PeerPower> = {}): void {
  const off = { value: 'off', askedAt: pair.now, held: true, identity: 'proven' } as const
  pair.take(name, { type: 'peer-power', read: { ...off, ...change } })
}

describe('the table: peer link cut', () => {
  test('control plane up for both: the active goes on, the standby is refused', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba')
    pair.pass(60_000)
    expect(pair.active).toEqual(['a'])
    expect(pair.refusals('C')).toContain('held')
  })

  test('up for the standby only: the lease ends, then the standby takes over', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba', 'aC', 'Ca')
    pair.pass(1900)
    expect(pair.active).toEqual([])
    pair.pass(1500)
    expect(pair.active).toEqual(['b'])
  })

  test('up for the active only: it goes on', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba', 'bC', 'Cb')
    pair.pass(60_000)
    expect(pair.active).toEqual(['a'])
  })

  test('cut for both: the active steps down when its lease ends, and nobody acts', () => {
    const pair = Pair.settled()
    pair.break(...BOTH_CUT)
    pair.pass(60_000)
    expect(pair.active).toEqual([])
    pair.heal()
    pair.pass(3000)
    expect(pair.active).toHaveLength(1)
  })
})

describe('stand-down', () => {
  test('the planned way is one round trip, and the holder signs it back by itself', () => {
    const pair = Pair.settled()
    pair.take('a', { type: 'switch-over' })
    pair.pass(1)
    expect(pair.active).toEqual(['b'])
    pair.pass(1000)
    expect(pair.agents.a.disk.stoodDown).toBe(0)
    expect(pair.agents.b.disk.returned).toBe(1)
    expect(pair.active).toEqual(['b'])
    expect(pair.state('b').peerLeaseUntil).toBeGreaterThan(pair.now)
  })

  test('who stood down neither votes nor stands, over restarts, until it is signed back', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba')
    pair.take('a', { type: 'switch-over' })
    pair.kill('b')
    pair.kill('a')
    pair.start('a')
    pair.pass(60_000)
    expect(pair.active).toEqual([])
    expect(pair.agents.a.disk.stoodDown).toBe(1)
    pair.heal()
    pair.start('b')
    pair.pass(5000)
    expect(pair.agents.a.disk.stoodDown).toBe(0)
    expect(pair.active).toHaveLength(1)
  })

  test('it is on the disk before it is said', () => {
    const pair = Pair.settled()
    pair.hungDisks.add('a')
    pair.take('a', { type: 'switch-over' })
    expect(pair.active).toEqual([])
    expect(pair.said.some(({ message }) => message.type === 'stand-down')).toBe(false)
    pair.letDiskWrite('a')
    pair.pass(1)
    expect(pair.active).toEqual(['b'])
  })

  test('one that was signed back is dead, also while under way', () => {
    const pair = Pair.settled()
    pair.take('a', { type: 'switch-over' })
    const under = pair.said.find(({ message }) => message.type === 'stand-down')?.message
    if (under?.type !== 'stand-down') throw new Error('a stood down')
    pair.pass(2000)
    pair.take('b', { type: 'switch-over' })
    pair.pass(2000)
    expect(pair.active).toEqual(['a'])
    pair.take('b', { type: 'message', from: 'peer', message: under })
    expect(pair.active).toEqual(['a'])
    expect(pair.state('b').heldStandDown).toBe(0)
  })

  test('two that both stood down sign each other back, and neither paper lives on', () => {
    const pair = new Pair()
    const stood = (epoch: number) => ({ ...pair.agents.a.disk, epoch, stoodDown: epoch })
    pair.agents.a.disk = stood(3)
    pair.agents.b.disk = stood(2)
    pair.break('ab', 'ba')
    pair.start('a')
    pair.start('b')
    pair.pass(300)
    pair.heal()
    const paper = pair.said.find(({ from, message }) => {
      return from === 'a' && message.type === 'stand-down'
    })?.message
    if (paper?.type !== 'stand-down') throw new Error('a stood down')
    pair.pass(200)
    expect(pair.agents.a.disk.stoodDown + pair.agents.b.disk.stoodDown).toBe(0)
    pair.take('b', { type: 'message', from: 'peer', message: paper })
    expect(pair.state('b').heldStandDown).toBe(0)
  })

  test('its holder must have the head that it names before it acts', () => {
    const pair = Pair.settled()
    pair.pass(400)
    pair.agents.a.heads = { a: 3 }
    pair.take('a', { type: 'journal', heads: { a: 3 }, committed: {} })
    pair.break('ba')
    pair.take('a', { type: 'switch-over' })
    expect(pair.active).toEqual([])
    pair.record('b', { a: 3 })
    pair.pass(10)
    expect(pair.active).toEqual(['b'])
  })

  test('switching over is refused unless the standby follows and is in sync', () => {
    const pair = Pair.settled()
    expect(judgeSwitchOver(pair.state('b'), pair.now)).toBe('not-active')
    pair.record('a', { a: 3 })
    pair.pass(400)
    expect(judgeSwitchOver(pair.state('a'), pair.now)).toBe('standby-not-in-sync')
    pair.record('b', { a: 3 })
    pair.pass(400)
    expect(judgeSwitchOver(pair.state('a'), pair.now)).toBeUndefined()
    pair.break('ab', 'ba')
    pair.pass(3000)
    expect(judgeSwitchOver(pair.state('a'), pair.now)).toBe('no-peer-vote')
  })
})

describe('the peer read off', () => {
  function cutOff(): Pair {
    const pair = Pair.settled()
    pair.break(...BOTH_CUT)
    pair.kill('a')
    pair.pass(2500)
    return pair
  }

  test('replaces its vote while read off within D, with a gap', () => {
    const pair = cutOff()
    for (let reads = 0; reads < 10; reads += 1) {
      read(pair, 'b')
      pair.pass(400)
    }
    expect(pair.active).toEqual(['b'])
    expect(pair.effects.b.find(({ type }) => type === 'act')).toMatchObject({
      basis: 'peer-off',
      gap: true,
    })
    pair.pass(1600)
    expect(pair.active).toEqual([])
  })

  test.each([
    ['an unknown read', { value: 'unknown' }],
    ['a read of on', { value: 'on' }],
    ['outlets that are not held', { held: false }],
    ['an own BMC that is not proven', { identity: 'unproven' }],
  ] as const)('%s ends the proof', (_, change) => {
    const pair = cutOff()
    for (let reads = 0; reads < 10; reads += 1) {
      read(pair, 'b')
      pair.pass(400)
    }
    read(pair, 'b', change)
    expect(pair.active).toEqual([])
  })

  test('hearing the peer ends it, and no older read brings it back', () => {
    const pair = cutOff()
    for (let reads = 0; reads < 10; reads += 1) {
      read(pair, 'b')
      pair.pass(400)
    }
    const askedAt = pair.now
    pair.pass(50)
    pair.heal()
    pair.break('aC', 'bC')
    pair.start('a')
    pair.pass(400)
    expect(pair.active).toEqual([])
    read(pair, 'b', { askedAt })
    expect(pair.state('b').peerOffUntil).toBe(Number.NEGATIVE_INFINITY)
    read(pair, 'b')
    expect(pair.state('b').peerOffUntil).toBe(pair.now + 1600)
  })
})

describe('the shot', () => {
  test('is for the one whose last vote was for the other: of two at most one', () => {
    const pair = Pair.settled()
    pair.break(...BOTH_CUT)
    pair.pass(5000)
    expect(judgeShot(pair.state('b'), ASKED, pair.now)).toBeUndefined()
    expect(judgeShot(pair.state('a'), ASKED, pair.now)).toBe('not-the-standby')
  })

  test('needs both links lost, a request that waits, a witness and an identity', () => {
    const pair = Pair.settled()
    const b = () => pair.state('b')
    expect(judgeShot(b(), ASKED, pair.now)).toBe('voters-reachable')
    pair.break(...BOTH_CUT)
    pair.pass(5000)
    expect(judgeShot(b(), { ...ASKED, requestWaits: false }, pair.now)).toBe('nothing-waits')
    expect(judgeShot(b(), { ...ASKED, witnessAnswers: false }, pair.now)).toBe('no-witness')
    const unproven = { ...ASKED, identity: 'unproven' } as const
    expect(judgeShot(b(), unproven, pair.now)).toBe('identity-unproven')
  })

  test('a restarted agent does not remember that it was standby', () => {
    const pair = Pair.settled()
    pair.break(...BOTH_CUT)
    pair.kill('b')
    pair.start('b')
    pair.pass(5000)
    expect(judgeShot(pair.state('b'), ASKED, pair.now)).toBe('not-the-standby')
  })

  test('while it is under way the shooter neither votes nor stands', () => {
    const pair = Pair.settled()
    pair.break(...BOTH_CUT)
    pair.pass(5000)
    pair.take('b', { type: 'shot', underWay: true })
    pair.heal()
    pair.break('aC', 'bC')
    pair.pass(5000)
    expect(pair.active).toEqual([])
    expect(pair.refusals('b')).toContain('shooting')
    pair.take('b', { type: 'shot', underWay: false })
    pair.pass(2000)
    expect(pair.active).toHaveLength(1)
  })
})

test('acting by the control plane after a start, the peer never reached, has a gap', () => {
  const pair = Pair.settled()
  pair.kill('a')
  pair.kill('b')
  pair.start('b')
  pair.pass(5000)
  expect(pair.effects.b.find(({ type }) => type === 'act')).toMatchObject({
    basis: 'control-plane',
    gap: true,
  })
})

describe('an effect leaves', () => {
  const by = (pair: Pair, askedAt = pair.now) => ({
    epoch: 1,
    acknowledged: { by: 'peer' as const, askedAt },
  })

  test('if its intent was asked to be acknowledged at most 200 ms ago', () => {
    const pair = Pair.settled()
    const a = pair.state('a')
    expect(mayFire(a, by(pair), pair.now + 200)).toBe(true)
    expect(mayFire(a, by(pair), pair.now + 201)).toBe(false)
  })

  test('and the lease of who acknowledged it holds with a margin', () => {
    const pair = Pair.settled()
    const a = pair.state('a')
    const last = a.peerLeaseUntil - 100
    expect(mayFire(a, by(pair, last), last - 1)).toBe(true)
    expect(mayFire(a, by(pair, last), last)).toBe(false)
    const other = { epoch: 1, acknowledged: { by: 'control-plane' as const, askedAt: pair.now } }
    expect(mayFire(a, other, pair.now)).toBe(false)
  })

  test('never without an acknowledgement, in another epoch, or from a follower', () => {
    const pair = Pair.settled()
    expect(mayFire(pair.state('a'), { epoch: 1 }, pair.now)).toBe(false)
    expect(mayFire(pair.state('a'), { ...by(pair), epoch: 3 }, pair.now)).toBe(false)
    expect(mayFire(pair.state('b'), by(pair), pair.now)).toBe(false)
  })
})
