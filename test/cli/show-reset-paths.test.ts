import { expect, test } from 'vitest'
import { resetPathTables } from '../../cli/commands/show-reset-paths.ts'
import { makePaint } from '../../cli/paint.ts'
import { renderTables } from '../../cli/table.ts'

const LOST = { code: 'agent-not-redundant', subject: 'lab', detail: 'there is a single agent' }
const path = (server: string, number: number) => ({
  server,
  systems: [{ cluster: 'db', number }],
  resettable: true,
  redundant: false,
  rungs: [
    { rung: 'soft', ready: true },
    { rung: 'hard', ready: true },
  ],
  worstMs: 7500,
  problems: [LOST],
  warnings: [],
})

test('a row says whether, by what, by when and what to look at; what is true of all is said once', () => {
  const cut = {
    ...path('PSERVER2', 10002),
    resettable: false,
    rungs: [{ rung: 'soft', ready: false }],
    worstMs: null,
    problems: [{ code: 'bmc-unreachable', subject: 'PSERVER2', detail: 'the BMC is silent' }, LOST],
    warnings: [{ code: 'loose-effect', subject: 'PSERVER2', detail: 'a command is unanswered' }],
  }
  const tables = resetPathTables([path('PSERVER1', 10001), cut])
  expect(renderTables(tables, makePaint({ env: {}, isTerminal: false })).split('\n')).toEqual([
    'Reset paths',
    '  server    systems  reset  by          at worst  look at',
    '  PSERVER1  10001    OK     soft, hard  7.5 s',
    '  PSERVER2  10002    NG     --          --        the BMC is silent; a command is unanswered',
    '',
    'For all of them',
    '  subject  look at',
    '  lab      there is a single agent',
  ])
})

test('of a single server everything is in its row', () => {
  const [table, more] = resetPathTables([path('PSERVER1', 10001)])
  expect(table?.rows[0]?.at(-1)).toBe('there is a single agent')
  expect(more).toBeUndefined()
})
