import { expect, test } from 'vitest'
import { readOutlets } from '../../../../agent/drivers/snmp/outlet-readings.ts'
import type { Got } from '../../../../agent/drivers/snmp/session.ts'
import type { OutletColumns } from '../../../../core/pdu-model.ts'
import { findPduModel } from '../../../../core/pdu-models.ts'
import { nodeClock } from '../../../../runtime/node.ts'

const columns = getColumns()

function getColumns(): OutletColumns {
  const model = findPduModel('apc-rpdu')
  if (!model) throw new Error('no row apc-rpdu')
  return model.columns
}

/** Answers the questions in turn and keeps what was asked. */
function script(...answers: Got[]) {
  const asked: string[][] = []
  const get = async (oids: string[]): Promise<Got> => {
    asked.push(oids)
    return answers.shift() ?? { kind: 'silent', detail: 'no answer in time' }
  }
  const read = (outlets: number[], timeoutMs = 60_000) =>
    readOutlets(get, columns, outlets, nodeClock, nodeClock.now() + timeoutMs)
  return { asked, read }
}

const values = (...read: (number | undefined)[]): Got => ({ kind: 'values', values: read })
const SETTLED = 2

test('all outlets are asked in one question, so that they were off at the same time', async () => {
  const { asked, read } = script(values(2, SETTLED, 1, SETTLED, 2, 1))
  expect(await read([1, 2, 3])).toEqual([
    { outlet: 1, value: 'off', raw: '2' },
    { outlet: 2, value: 'on', raw: '1' },
    { outlet: 3, value: 'unknown', raw: '2, not settled (1)' },
  ])
  expect(asked).toHaveLength(1)
  expect(asked[0]).toHaveLength(6)
})

test('an answer that is too short leaves the rest unknown', async () => {
  const { read } = script(values(2, SETTLED, 2))
  const read3 = await read([1, 2, 3])
  expect(read3?.map(({ value }) => value)).toEqual(['off', 'unknown', 'unknown'])
})

test('silence is told as such, not as unknown outlets', async () => {
  const { read } = script()
  expect(await read([1, 2])).toBeUndefined()
})

test.each(['noSuchName', 'tooBig', 'genErr'])(
  'after %s each outlet is asked by itself',
  async (status) => {
    const { asked, read } = script(
      { kind: 'error', status },
      values(2, SETTLED),
      { kind: 'error', status: 'noSuchName' },
      values(1, SETTLED),
    )
    expect(await read([1, 2, 3])).toEqual([
      { outlet: 1, value: 'off', raw: '2' },
      { outlet: 2, value: 'unknown', raw: 'noSuchName' },
      { outlet: 3, value: 'on', raw: '1' },
    ])
    expect(asked.map((oids) => oids.length)).toEqual([6, 2, 2, 2])
  },
)

test('the only outlet in error is unknown without being asked twice', async () => {
  const { asked, read } = script({ kind: 'error', status: 'noSuchName' })
  expect(await read([9])).toEqual([{ outlet: 9, value: 'unknown', raw: 'noSuchName' }])
  expect(asked).toHaveLength(1)
})

test('outlets that are not answered in time, one by one, are unknown', async () => {
  const { read } = script({ kind: 'error', status: 'tooBig' }, values(2, SETTLED))
  expect(await read([1, 2])).toEqual([
    { outlet: 1, value: 'off', raw: '2' },
    { outlet: 2, value: 'unknown', raw: 'no answer in time' },
  ])
})

test('no outlet is asked once the time is over', async () => {
  const { asked, read } = script({ kind: 'error', status: 'tooBig' }, values(2, SETTLED))
  const late = await read([1, 2], 0)
  expect(late?.map(({ value }) => value)).toEqual(['unknown', 'unknown'])
  expect(asked).toHaveLength(1)
})
