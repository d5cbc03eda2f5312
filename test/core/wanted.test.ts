import { expect, test } from 'vitest'
import { open, step } from '../../core/ladder/step.ts'
import { stillWants } from '../../core/ladder/wanted.ts'
import { PLAN } from './scene.ts'

const WALL = '2026-01-01T00:00:00.000000Z'

test('what an outlet was told is wanted no more once it is told again', () => {
  const circumstances = { recentNotice: false, loose: false, outletsLastOff: false }
  const [cut] = open('rst_a', { ...PLAN, mode: 'pdu' }, circumstances, { ms: 0, wall: WALL })
  expect([1, 2].map((shot) => stillWants(cut, shot))).toEqual([true, true])
  // Its intent still waits for a slow disk when the outlet is read on.
  const outlets = [{ outlet: 3, value: 'on' as const, raw: '1' }]
  const look = { pdu: 'a', askedAt: 1600, readAt: WALL, outlets, detail: '' }
  const [again] = step(cut, { type: 'outlets', look }, { ms: 1610, wall: WALL })
  expect([1, 2, 3].map((shot) => stillWants(again, shot))).toEqual([false, true, true])
})
