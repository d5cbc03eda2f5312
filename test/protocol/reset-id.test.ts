import fc from 'fast-check'
import { expect, test } from 'vitest'
import { operationId, resetId } from '../../protocol/reset-id.ts'

test('an id has the form that journals and orders know', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (site, key) => {
      expect(resetId(site, key)).toMatch(/^rst_[0-9a-z]{26}$/)
      expect(operationId(site, key)).toMatch(/^opr_[0-9a-z]{26}$/)
    }),
  )
})

test('the same site and key have one id; where one ends and the other begins matters', () => {
  expect(resetId('lab', 'k1')).toBe(resetId('lab', 'k1'))
  expect(resetId('lab', 'k1')).not.toBe(resetId('labk', '1'))
  expect(resetId('a","b', 'c')).not.toBe(resetId('a', 'b","c'))
  expect(resetId('lab', 'k1').slice(4)).not.toBe(operationId('lab', 'k1').slice(4))
})
