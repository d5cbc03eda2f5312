// A reset that ended a PDU test: what the test had switched off is the ladder's to bring back.
import { expect, test } from 'vitest'
import { play, type Scene } from './scene.ts'

/** Feed a was switched off by a test. */
function after(scene: Scene = {}) {
  return play({
    ...scene,
    circumstances: { leftOff: [{ pdu: 'a', outlet: 3 }], ...scene.circumstances },
  })
}

test('after a dump the feed that a test had switched off comes back, and no other is touched', () => {
  const run = after({ room: { kdumpMs: 500 } })
  expect(run.conclusion?.result).toBe('DUMP')
  expect(run.effects.map((effect) => effect.replace(/^\d+ /, ''))).toEqual(['nmi', 'on a/3'])
  expect(run.recoveries).toEqual(['waiting', 'restored'])
})

test('after a FAIL it stays off and is shown', () => {
  const run = after({ plan: { mode: 'soft' } })
  expect(run.conclusion?.result).toBe('FAIL')
  expect(run.effects.some((effect) => effect.includes('on a/3'))).toBe(false)
  expect(run.recoveries).toEqual(['held'])
})

test('after a cut all feeds come back together', () => {
  const run = after({ plan: { mode: 'pdu' } })
  expect(run.conclusion?.result).toBe('POFF')
  expect(run.effects.map((effect) => effect.replace(/^\d+ /, ''))).toEqual([
    'off a/3',
    'off b/3',
    'on a/3',
    'on b/3',
  ])
})

test('an agent that dies after the conclusion brings it back at its next start', () => {
  const died = { when: { writes: 5 }, left: false, downMs: 5000, reboots: false }
  const run = after({ room: { kdumpMs: 500 }, crashes: [died] })
  expect(run.journal[4]?.kind).toBe('concluded')
  expect(run.effects.filter((effect) => effect.endsWith('on a/3'))).toHaveLength(1)
  expect(run.recoveries.at(-1)).toBe('restored')
})

test('a proven wiring stands in the evidence of a cut with its date', () => {
  const provenAt = '2026-11-01T00:00:00.000000Z'
  const run = play({ plan: { mode: 'pdu' }, circumstances: { wiringProvenAt: provenAt } })
  expect(run.conclusion?.evidence.map(({ said }) => said)).toContain(
    `the wiring of these feeds was proven by a test at ${provenAt}`,
  )
})
