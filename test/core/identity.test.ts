import { expect, test } from 'vitest'
import { matchItems, type Named, nameChanges } from '../../core/identity.ts'

function names(previous: Named[], next: Named[]): (string | undefined)[] {
  return matchItems(previous, next).map((match) => match?.name)
}

const A = { name: 'A' }
const B = { name: 'B' }

test('without renames the name is the identity', () => {
  expect(names([A, B], [B, { name: 'C' }])).toEqual(['B', undefined])
})

test('a rename carries the identity over, and the old name is free for a new object', () => {
  expect(names([A], [{ name: 'B', renamedFrom: 'A' }, A])).toEqual(['A', undefined])
})

test('two objects can swap their names', () => {
  const swapped = [
    { name: 'A', renamedFrom: 'B' },
    { name: 'B', renamedFrom: 'A' },
  ]
  expect(names([A, B], swapped)).toEqual(['B', 'A'])
  expect(names(swapped, swapped)).toEqual(['A', 'B'])
})

test('a rename that was done already is history', () => {
  const done = [{ name: 'B', renamedFrom: 'A' }, A]
  expect(names(done, done)).toEqual(['B', 'A'])
})

test('of two objects that claim one former name only the first is it', () => {
  const both = [
    { name: 'B', renamedFrom: 'A' },
    { name: 'C', renamedFrom: 'A' },
  ]
  expect(names([A], both)).toEqual(['A', undefined])
})

test('name changes cover what is in both documents', () => {
  const next = [{ name: 'C', renamedFrom: 'A' }]
  expect([...nameChanges([A, B], next)]).toEqual([['A', 'C']])
})
