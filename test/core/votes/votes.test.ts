// Spec redundancy.md, "Votes", sentence by sentence.
import { describe, expect, test } from 'vitest'
import { acknowledges } from '../../../core/votes/lease.ts'
import { nextEpoch } from '../../../core/votes/terms.ts'
import { Pair } from './pair.ts'

const toC = (pair: Pair, since: number) =>
  pair.said.slice(since).filter(({ from }) => from === 'C').length

describe('to act, an agent needs two votes, its own included', () => {
  test('a pair that starts ends with one active and one follower', () => {
    const pair = Pair.settled()
    expect(pair.active).toEqual(['a'])
    expect(pair.epochOf('a')).toBe(1)
  })

  test('an agent alone with its own vote does not act', () => {
    const pair = new Pair()
    pair.break('aC', 'Ca')
    pair.start('a')
    pair.pass(60_000)
    expect(pair.active).toEqual([])
    expect(pair.agents.a.disk.epoch).toBe(0)
  })

  test('A takes odd epochs, B even ones', () => {
    expect([0, 1, 2, 7].map((above) => nextEpoch('A', above))).toEqual([1, 3, 3, 9])
    expect([0, 1, 2, 7].map((above) => nextEpoch('B', above))).toEqual([2, 2, 4, 8])
  })
})

describe('a vote is a promise for D', () => {
  test('the candidate counts 0.8 D from when it asked', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba', 'aC', 'Ca')
    const asked = pair.state('a').peerGoodAt
    pair.pass(asked + 1599 - pair.now)
    expect(pair.active).toEqual(['a'])
    pair.pass(2)
    expect(pair.active).toEqual([])
  })

  test('the voter keeps it for D from its answer: nobody else gets it before', () => {
    const pair = Pair.settled()
    const answered = pair.state('b').peerGoodAt
    pair.kill('a')
    pair.pass(answered + 1999 - pair.now)
    expect(pair.state('b').role.name).toBe('follower')
    pair.pass(500)
    expect(pair.active).toEqual(['b'])
  })

  test('it is on the disk before the answer', () => {
    const pair = new Pair()
    pair.hungDisks.add('b')
    pair.start('a')
    pair.start('b')
    pair.break('aC', 'bC')
    pair.pass(2400)
    expect(pair.state('b').ballot).toMatchObject({ epoch: 1, votedFor: 'a' })
    expect(pair.agents.b.disk.votedFor).toBeUndefined()
    expect(pair.active).toEqual([])
    pair.letDiskWrite('b')
    expect(pair.agents.b.disk).toMatchObject({ epoch: 1, votedFor: 'a', promiseMs: 2000 })
    expect(pair.active).toEqual(['a'])
  })

  test('a started agent gives no vote, not even to itself, until the stored D has passed', () => {
    const pair = Pair.settled()
    pair.kill('b')
    pair.start('b')
    pair.kill('a')
    const since = pair.said.length
    pair.pass(1999)
    expect(pair.said.slice(since)).toEqual([])
    pair.pass(1500)
    expect(pair.active).toEqual(['b'])
  })

  test('killed, the active is replaced in well under 4 s', () => {
    const pair = Pair.settled()
    pair.kill('a')
    pair.pass(2500)
    expect(pair.active).toEqual(['b'])
    expect(pair.epochOf('b')).toBe(2)
  })
})

describe('every message is numbered and answered by number', () => {
  test('an answer counts from its own ask', () => {
    const pair = Pair.settled()
    pair.break('ba')
    pair.pass(400)
    const asked = pair.state('a').asks.at(-1)?.at ?? 0
    const late = pair.said.findLast(({ from }) => from === 'b')?.message
    pair.pass(800)
    if (late?.type !== 'answer') throw new Error('b answered')
    pair.take('a', { type: 'message', from: 'peer', message: late })
    expect(pair.state('a').peerLeaseUntil).toBe(asked + 1600)
  })

  test('for the asking start only', () => {
    const pair = Pair.settled()
    const answer = pair.said.findLast(({ from }) => from === 'b')?.message
    if (answer?.type !== 'answer') throw new Error('b answered')
    pair.kill('a')
    pair.break('ba', 'Ca')
    pair.start('a')
    pair.pass(2001)
    const number = pair.state('a').asks.at(-1)?.number ?? 0
    expect(pair.state('a').role.name).toBe('pre-candidate')
    const say = (start: number) => {
      const message = { ...answer, to: { start, number } }
      pair.take('a', { type: 'message', from: 'peer', message })
    }
    say(1)
    expect(pair.state('a').role.name).toBe('pre-candidate')
    say(2)
    expect(pair.state('a').role.name).toBe('candidate')
  })

  test('B renews only an ask that echoes its last answer', () => {
    const pair = Pair.settled()
    pair.break('ba')
    const since = pair.said.length
    pair.pass(3000)
    const answers = pair.said
      .slice(since)
      .flatMap(({ from, message }) =>
        from === 'b' && message.type === 'answer' ? [message.refusal ?? 'granted'] : [],
      )
    expect(answers.slice(0, 3)).toEqual(['granted', 'not-echoed', 'not-echoed'])
  })

  test('an ask that was sent again by the network is not voted on again', () => {
    const pair = Pair.settled()
    const ask = pair.said.findLast(({ from }) => from === 'a')?.message
    if (ask?.type !== 'ask') throw new Error('a asked')
    const since = pair.said.length
    pair.take('b', { type: 'message', from: 'peer', message: ask })
    expect(pair.refusals('b', since)).toEqual(['overtaken'])
  })
})

describe('an epoch is taken only after another voter said that it would grant it', () => {
  test('a cut-off agent does not inflate epochs', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba', 'bC', 'Cb')
    pair.pass(60_000)
    expect(pair.state('b').ballot.epoch).toBe(1)
    expect(pair.active).toEqual(['a'])
  })

  test('and does not depose the active when it comes back', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba', 'bC', 'Cb')
    pair.pass(60_000)
    pair.heal()
    pair.pass(5000)
    expect(pair.epochOf('a')).toBe(1)
  })

  test('who hears of a higher epoch acts no more under its own', () => {
    const pair = Pair.settled()
    const said = pair.said.findLast(({ from }) => from === 'b')?.message
    if (said?.type !== 'answer') throw new Error('b answered')
    pair.break('ab', 'aC')
    pair.take('a', { type: 'message', from: 'peer', message: { ...said, known: 4 } })
    expect(pair.active).toEqual([])
    expect(pair.effects.a.at(-1)).toMatchObject({ type: 'step-down', reason: 'higher-epoch' })
    pair.heal()
    pair.pass(3000)
    expect(pair.epochOf('a')).toBe(5)
  })
})

test('a voter gives no vote for an epoch lower than one it knows', () => {
  const pair = Pair.settled()
  const ask = pair.said.findLast(({ from }) => from === 'a')?.message
  if (ask?.type !== 'ask') throw new Error('a asked')
  pair.kill('a')
  pair.pass(3000)
  expect(pair.epochOf('b')).toBe(2)
  const since = pair.said.length
  const message = { ...ask, number: ask.number + 1, echo: ask.number }
  pair.take('b', { type: 'message', from: 'peer', message })
  expect(pair.refusals('b', since)).toEqual(['old-epoch'])
})

describe('a voter refuses a candidate whose journal is behind', () => {
  test('its answer names its head, and nobody acts before it has what its voters have', () => {
    const pair = Pair.settled()
    pair.kill('a')
    pair.record('b', { a: 7, b: 2 })
    pair.kill('b')
    pair.start('a')
    pair.start('b')
    pair.pass(2010)
    expect(pair.refusals('b')).toContain('journal-behind')
    expect(pair.effects.a).toContainEqual({ type: 'fetch', from: 'peer', heads: { a: 7, b: 2 } })
    pair.pass(6000)
    expect(pair.active).toHaveLength(1)
    expect(pair.state('a').heads).toEqual({ a: 7, b: 2 })
  })

  test('also when what is missing was heard of only after the vote', () => {
    const pair = new Pair()
    pair.break('aC', 'bC')
    pair.hungDisks.add('a')
    pair.start('a')
    pair.start('b')
    pair.pass(2100)
    expect(pair.state('a').role.name).toBe('standing')
    const said = pair.said.findLast(({ from }) => from === 'b')?.message
    if (said?.type !== 'answer') throw new Error('b answered')
    pair.take('a', { type: 'message', from: 'peer', message: { ...said, committed: { b: 5 } } })
    pair.letDiskWrite('a')
    expect(pair.state('a').peerLeaseUntil).toBeGreaterThan(pair.now)
    expect(pair.active).toEqual([])
    pair.record('a', { b: 5 })
    expect(pair.active).toEqual(['a'])
  })

  test('fewer records than the others remember: it neither votes nor stands until it has copied', () => {
    const pair = Pair.settled()
    pair.record('b', { b: 9 })
    pair.pass(1000)
    pair.record('a', { b: 9 })
    pair.kill('b')
    pair.agents.b.heads = {}
    pair.break('bC', 'ba')
    pair.start('b')
    pair.pass(3000)
    expect(pair.state('b').rolledBack).toBe(true)
    expect(pair.refusals('b')).toContain('voter-rolled-back')
    pair.record('b', { b: 9 })
    expect(pair.effects.b).toContainEqual({ type: 'restart', startAbove: 2 })
  })

  test('fewer starts: it starts anew above the number that the others remember', () => {
    const pair = Pair.settled()
    pair.kill('b')
    pair.start('b')
    pair.pass(3000)
    pair.kill('b')
    pair.agents.b.starts = 0
    pair.start('b')
    pair.pass(1000)
    expect(pair.effects.b).toContainEqual({ type: 'restart', startAbove: 2 })
    expect(pair.active).toEqual(['a'])
  })
})

describe('A and B alone are enough', () => {
  test('renewed every 400 ms, the control plane is not asked', () => {
    const pair = Pair.settled()
    const since = pair.said.length
    pair.pass(60_000)
    expect(toC(pair, since)).toBe(0)
    const asks = pair.said.slice(since).filter(({ message }) => message.type === 'ask')
    expect(asks).toHaveLength(150)
  })

  test('the control plane is asked when the peer has missed renewals, from D/3 on', () => {
    const pair = Pair.settled()
    const good = pair.state('a').peerGoodAt
    pair.break('ab', 'ba')
    const since = pair.said.length
    pair.pass(good + 666 - pair.now)
    expect(toC(pair, since)).toBe(0)
    pair.pass(400)
    expect(toC(pair, since)).toBe(1)
    expect(pair.state('a').controlPlaneLeaseUntil).toBeGreaterThan(pair.now + 7000)
  })

  test('and its vote is given back once the peer grants again', () => {
    const pair = Pair.settled()
    pair.break('ab', 'ba')
    pair.pass(5000)
    expect(pair.row.holder).toEqual({ agent: 'a', start: 1 })
    pair.heal()
    pair.pass(5000)
    expect(pair.row.holder).toBeUndefined()
    expect(pair.state('a').controlPlaneLeaseUntil).toBe(Number.NEGATIVE_INFINITY)
    expect(pair.active).toEqual(['a'])
  })
})

test('a vote that was given back counts no more, even if its answer comes later', () => {
  const pair = Pair.settled()
  pair.break('ab', 'ba', 'Ca')
  pair.pass(1200)
  const late = pair.said.findLast(({ from }) => from === 'C')?.message
  if (late?.type !== 'control-plane-answer') throw new Error('the control plane answered')
  expect(late.granted).toBe(true)
  pair.heal()
  pair.break('Ca')
  pair.pass(2000)
  expect(pair.row.holder).toBeUndefined()
  pair.take('a', { type: 'message', from: 'control-plane', message: late })
  expect(pair.state('a').controlPlaneLeaseUntil).toBe(Number.NEGATIVE_INFINITY)
})

test('an intent is acknowledged only by whose vote the asking start and epoch have', () => {
  const pair = Pair.settled()
  const b = () => pair.state('b')
  expect(acknowledges(b(), { start: 1, epoch: 1 }, pair.now)).toBe(true)
  expect(acknowledges(b(), { start: 2, epoch: 1 }, pair.now)).toBe(false)
  expect(acknowledges(b(), { start: 1, epoch: 3 }, pair.now)).toBe(false)
  expect(acknowledges(b(), { start: 1, epoch: 1 }, pair.now + 2001)).toBe(false)
})
