import { describe, expect, test } from 'vitest'
import { type OutletTable, readOutlets } from '../../../../agent/drivers/snmp/outlet-readings.ts'
import type { Got, Value } from '../../../../agent/drivers/snmp/session.ts'
import type { OutletColumns } from '../../../../core/pdu-model.ts'
import { findPduModel } from '../../../../core/pdu-models.ts'
import { nodeClock } from '../../../../runtime/node.ts'

const ANY_NAME = { nameOid: undefined, nameOf: () => undefined }

function getColumns(): OutletColumns {
  const model = findPduModel('apc-rpdu')
  if (!model) throw new Error('no row apc-rpdu')
  return model.columns
}

/** Answers the questions in turn and keeps what was asked. */
function script(...answers: Got[]) {
  return scriptFor({ columns: getColumns(), ...ANY_NAME }, ...answers)
}

function scriptFor(table: OutletTable, ...answers: Got[]) {
  const asked: string[][] = []
  const get = async (oids: string[]): Promise<Got> => {
    asked.push(oids)
    return answers.shift() ?? { kind: 'silent', detail: 'no answer in time' }
  }
  const read = (outlets: number[], timeoutMs = 60_000) =>
    readOutlets(get, table, outlets, nodeClock, nodeClock.now() + timeoutMs)
  return { asked, read }
}

const values = (...read: Value[]): Got => ({ kind: 'values', values: read })
const SETTLED = 2

test('all outlets are asked in one question, so that they were off at the same time', async () => {
  const { asked, read } = script(values(2, SETTLED, 1, SETTLED, 2, 1))
  expect(await read([1, 2, 3])).toEqual([
    { outlet: 1, value: 'off', raw: '2', named: true },
    { outlet: 2, value: 'on', raw: '1', named: true },
    { outlet: 3, value: 'unknown', raw: '2, not settled (1)', named: true },
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
      { outlet: 1, value: 'off', raw: '2', named: true },
      { outlet: 2, value: 'unknown', raw: 'noSuchName', named: false },
      { outlet: 3, value: 'on', raw: '1', named: true },
    ])
    expect(asked.map((oids) => oids.length)).toEqual([6, 2, 2, 2])
  },
)

test('the only outlet in error is unknown without being asked twice', async () => {
  const { asked, read } = script({ kind: 'error', status: 'noSuchName' })
  expect(await read([9])).toEqual([
    { outlet: 9, value: 'unknown', raw: 'noSuchName', named: false },
  ])
  expect(asked).toHaveLength(1)
})

test('outlets that are not answered in time, one by one, are unknown', async () => {
  const { read } = script({ kind: 'error', status: 'tooBig' }, values(2, SETTLED))
  expect(await read([1, 2])).toEqual([
    { outlet: 1, value: 'off', raw: '2', named: true },
    { outlet: 2, value: 'unknown', raw: 'no answer in time', named: false },
  ])
})

test('no outlet is asked once the time is over', async () => {
  const { asked, read } = script({ kind: 'error', status: 'tooBig' }, values(2, SETTLED))
  const late = await read([1, 2], 0)
  expect(late?.map(({ value }) => value)).toEqual(['unknown', 'unknown'])
  expect(asked).toHaveLength(1)
})

describe('with a name that an outlet must have', () => {
  const named: OutletTable = {
    columns: getColumns(),
    nameOid: '1.3.9.{outlet}',
    nameOf: (outlet) => (outlet === 1 ? 'srv1-psu1' : undefined),
  }
  const noName: Got = { kind: 'error', status: 'noSuchName' }

  test('it is read in the same question, and only there', async () => {
    const { asked, read } = scriptFor(named, values(2, SETTLED, 'srv1-psu1', 1, SETTLED))
    expect(await read([1, 2])).toEqual([
      { outlet: 1, value: 'off', raw: '2', named: true },
      { outlet: 2, value: 'on', raw: '1', named: true },
    ])
    expect(asked[0]?.filter((oid) => oid.startsWith('1.3.9.'))).toEqual(['1.3.9.1'])
  })

  test.each([
    ['another', 'srv2-psu1', '2, named "srv2-psu1", not "srv1-psu1"'],
    ['no', undefined, '2, named nothing, not "srv1-psu1"'],
    ['an odd', 7, '2, named nothing, not "srv1-psu1"'],
  ])('an outlet that tells %s name is unknown even when it reads off', async (_what, name, raw) => {
    const { read } = scriptFor(named, values(2, SETTLED, name))
    expect(await read([1])).toEqual([{ outlet: 1, value: 'unknown', raw, named: false }])
  })

  test('a device that fails the question over the name leaves the outlet unknown', async () => {
    const { asked, read } = scriptFor(named, noName, noName, values(2, SETTLED))
    expect(await read([1])).toEqual([
      { outlet: 1, value: 'unknown', raw: '2, named nothing, not "srv1-psu1"', named: false },
    ])
    expect(asked.map((oids) => oids.length)).toEqual([3, 3, 2])
  })
})

describe('a column that a device may lack', () => {
  const locked: OutletTable = {
    columns: {
      off: { oid: '1.3.1.{outlet}', value: 0 },
      on: { oid: '1.3.1.{outlet}', value: 1 },
      status: { oid: '1.3.2.{outlet}', on: [2], off: [1] },
      notes: [{ oid: '1.3.3.{outlet}', values: [1], meaning: 'unlocked' }],
    },
    ...ANY_NAME,
  }

  test.each([
    [[1, 1], 'off', '1'],
    [[1, 2], 'off', '1, not unlocked (2)'],
    [[2, 2], 'on', '2, not unlocked (2)'],
    [[1, undefined], 'off', '1'],
    [[undefined, 1], 'unknown', 'missing'],
  ])('%j is told and changes nothing of what is off: %s', async (read, value, raw) => {
    const { read: readOne } = scriptFor(locked, values(...read))
    expect(await readOne([4])).toEqual([{ outlet: 4, value, raw, named: true }])
  })

  test('is left out where the question fails with it', async () => {
    const failed: Got = { kind: 'error', status: 'noSuchName' }
    const { asked, read } = scriptFor(locked, failed, failed, values(1))
    expect((await read([4]))?.map(({ value }) => value)).toEqual(['off'])
    expect(asked.at(-1)).toEqual(['1.3.2.4'])
  })
})
