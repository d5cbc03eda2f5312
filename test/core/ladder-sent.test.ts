import { expect, test } from 'vitest'
import { open, step } from '../../core/ladder/step.ts'
import { PLAN } from './scene.ts'

const WALL = '2026-01-01T00:00:00.000000Z'

test('a look asked before a switch has left is no reason to give it again', () => {
  const circumstances = { recentNotice: false, loose: false, outletsLastOff: false }
  const [cut] = open('rst_a', { ...PLAN, mode: 'pdu' }, circumstances, { ms: 0, wall: WALL })
  // A slow disk: decided at 0, sent at 5 s.
  const [left] = step(cut, { type: 'sent', shot: 1 }, { ms: 5000, wall: WALL })
  const outlets = [{ outlet: 3, value: 'on' as const, raw: '1' }]
  const look = (askedAt: number) => ({
    type: 'outlets' as const,
    look: { pdu: 'a', askedAt, readAt: WALL, outlets, detail: '' },
  })
  const [early] = step(left, look(4900), { ms: 5010, wall: WALL })
  expect(early.shots).toHaveLength(2)
  const [later] = step(left, look(6600), { ms: 6610, wall: WALL })
  expect(later.shots).toHaveLength(3)
})
