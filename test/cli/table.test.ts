import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { makePaint } from '../../cli/paint.ts'
import { ageText, renderTable } from '../../cli/table.ts'

const COLOURLESS = makePaint({ env: {}, isTerminal: false })
const TABLE = {
  title: 'Servers',
  columns: ['name', 'power', 'BMC'],
  rows: [
    ['PSERVER1', 'pon', 'OK'],
    ['P2', 'poff (3 min ago)', 'NG'],
  ],
}

test('columns are as wide as their longest cell', () => {
  expect(renderTable(TABLE, COLOURLESS)).toBe(
    [
      'Servers',
      '  name      power             BMC',
      '  PSERVER1  pon               OK',
      '  P2        poff (3 min ago)  NG',
    ].join('\n'),
  )
})

test('a table without rows says so', () => {
  expect(renderTable({ ...TABLE, rows: [], empty: 'none yet' }, COLOURLESS)).toBe(
    'Servers\n  none yet',
  )
})

test('colour appears on a terminal only, and never against NO_COLOR', () => {
  const painted = renderTable(TABLE, makePaint({ env: {}, isTerminal: true }))
  expect(painted).toContain('\u001b[32mpon\u001b[0m')
  expect(painted).toContain('\u001b[33mpoff (3 min ago)\u001b[0m')
  expect(stripVTControlCharacters(painted)).toBe(renderTable(TABLE, COLOURLESS))
  const refused = makePaint({ env: { NO_COLOR: '1' }, isTerminal: true })
  expect(renderTable(TABLE, refused)).toBe(renderTable(TABLE, COLOURLESS))
})

test('what a server says cannot steer the terminal', () => {
  const hostile = { ...TABLE, rows: [['\u001b[2J\r\nP1', 'pon', 'OK']] }
  expect(renderTable(hostile, COLOURLESS)).toContain('\ufffd[2J\ufffd\ufffdP1')
})

test.each([
  [-5, '0 s'],
  [119_999, '119 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
])('%i ms are %s', (ageMs, text) => {
  expect(ageText(ageMs)).toBe(text)
})
