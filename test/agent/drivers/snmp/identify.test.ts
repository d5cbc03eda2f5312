import { describe, expect, test } from 'vitest'
import {
  type Asker,
  identify,
  refuseIdentity,
  SYS_OBJECT_ID,
} from '../../../../agent/drivers/snmp/identify.ts'
import type { Got, Value } from '../../../../agent/drivers/snmp/session.ts'
import { findModelOf } from '../../../../core/custom-pdu-model.ts'
import type { PduModel } from '../../../../core/pdu-model.ts'
import { findPduModel } from '../../../../core/pdu-models.ts'

const IBM = '1.3.6.1.4.1.2.6.223'
const SYS_DESCR = '1.3.6.1.2.1.1.1.0'

function getModel(name: string): PduModel {
  const model = findPduModel(name)
  if (!model) throw new Error(`no row ${name}`)
  return model
}

/** A device that tells these values and has no other. */
function device(values: Record<string, Value>): Asker {
  return {
    get: async (oids) => ({ kind: 'values', values: oids.map((oid) => values[oid]) }),
    next: async (after) => {
      const oid = Object.keys(values)
        .sort(byArcs)
        .find((each) => byArcs(each, after) > 0)
      return oid ? { kind: 'next', oid } : { kind: 'error', status: 'endOfMibView' }
    },
  }
}

function byArcs(one: string, other: string): number {
  const [a, b] = [one, other].map((oid) => oid.split('.').map(Number))
  const at = a?.findIndex((arc, index) => arc !== b?.[index]) ?? -1
  if (at < 0) return (a?.length ?? 0) - (b?.length ?? 0)
  return (a?.[at] ?? -1) - (b?.[at] ?? -1)
}

const always = (got: Got): Asker => ({
  get: async () => got,
  next: async () => ({ kind: 'silent', detail: 'not asked' }),
})

test('a matching device is told with its model, firmware and columns', async () => {
  const get = device({
    [SYS_OBJECT_ID]: `${IBM}.1`,
    [SYS_DESCR]: 'IBM DPI',
    [`${IBM}.7.3.0`]: 'OPDP_sLEN_v02',
  })
  const found = await identify(get, getModel('ibm-ipdu'), {}, 100)
  expect(found).toMatchObject({
    device: { sysObjectId: `${IBM}.1`, model: 'IBM DPI', firmware: 'OPDP_sLEN_v02' },
  })
  expect('device' in found && found.device.columns.off.oid).toBe(`${IBM}.8.2.2.1.13.{outlet}`)
})

test('an iPDU that hides its firmware is not switched: its columns would be a guess', async () => {
  const get = device({ [SYS_OBJECT_ID]: IBM, [SYS_DESCR]: 'IBM DPI' })
  const found = await identify(get, getModel('ibm-ipdu'), {}, 100)
  expect(found).toMatchObject({ permanent: false, silent: false })
  expect('problem' in found && found.problem).toContain(`${IBM}.7.3.0`)
})

test('a device without model and firmware texts is usable where they decide nothing', async () => {
  const get = device({ [SYS_OBJECT_ID]: '1.3.6.1.4.1.318.1.3.4.6' })
  const found = await identify(get, getModel('apc-rpdu2'), {}, 100)
  expect(found).toMatchObject({ device: { model: undefined, firmware: undefined } })
})

test.each([
  [
    { kind: 'silent', detail: 'no answer in time' },
    { silent: true, permanent: false },
  ],
  [
    { kind: 'denied', detail: 'refused' },
    { silent: false, permanent: true },
  ],
  [
    { kind: 'error', status: 'noSuchName' },
    { silent: false, permanent: false },
  ],
  [
    { kind: 'values', values: [undefined] },
    { silent: false, permanent: false },
  ],
  [
    { kind: 'values', values: [7] },
    { silent: false, permanent: false },
  ],
  [
    { kind: 'values', values: [] },
    { silent: false, permanent: false },
  ],
] as [Got, object][])(
  '%j to the first question is a problem, never an identity',
  async (got, problem) => {
    const found = await identify(always(got), getModel('apc-rpdu'), {}, 100)
    expect(found).toMatchObject(problem)
    expect(found).not.toHaveProperty('device')
  },
)

test.each([
  ['1.3.6.1.4.1.8072.3.2.10', 'no known model'],
  ['1.3.6.1.4.1.318.1.3.4.6', 'apc-rpdu2'],
  ['1.3.6.1.4.1.318.1.3.4.55', 'no known model'],
])('sysObjectID %s on an apc-rpdu is refused, named as %s', (sysObjectId, family) => {
  const refusal = refuseIdentity(getModel('apc-rpdu'), sysObjectId)
  expect(refusal).toContain('apc-rpdu has sysObjectID 1.3.6.1.4.1.318.1.3.4.5')
  expect(refusal).toContain(`${sysObjectId} (${family})`)
})

test('a closer family wins over a prefix that also fits', () => {
  expect(refuseIdentity(getModel('tripp-lite'), '1.3.6.1.4.1.850.1.1.1')).toContain('tripp-lite-lx')
  expect(refuseIdentity(getModel('tripp-lite'), '1.3.6.1.4.1.850.1.7')).toBeUndefined()
})

describe('units behind one address', () => {
  const LX = '1.3.6.1.4.1.850.1.1.1'
  const STATUS = '1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.4'
  const columnsOf = async (ask: Asker, name: string, where: { unit?: number; branch?: number }) => {
    const found = await identify(ask, getModel(name), where, 100)
    return 'device' in found ? found.device.columns.status.oid : found.problem
  }

  test.each([
    ['eaton-epdu-g3', '1.3.6.1.4.1.534.6.6.7', '1.3.6.1.4.1.534.6.6.7.6.6.1.2'],
    ['hpe-epdu', '1.3.6.1.4.1.232.165.7', '1.3.6.1.4.1.232.165.7.5.2.1.1'],
  ])('the first unit of %s needs no naming, others are named', async (name, id, column) => {
    const ask = device({ [SYS_OBJECT_ID]: id })
    const first = name === 'eaton-epdu-g3' ? 0 : 1
    expect(await columnsOf(ask, name, {})).toBe(`${column}.${first}.{outlet}`)
    expect(await columnsOf(ask, name, { unit: 4 })).toBe(`${column}.${first + 3}.{outlet}`)
  })

  test('tower and infeed of a Sentry3 are told apart', async () => {
    const ask = device({ [SYS_OBJECT_ID]: '1.3.6.1.4.1.1718.3' })
    expect(await columnsOf(ask, 'sentry3', { unit: 2, branch: 3 })).toBe(
      '1.3.6.1.4.1.1718.3.2.3.1.5.2.3.{outlet}',
    )
  })

  test('the only unit of a freely numbered device is found', async () => {
    const ask = device({ [SYS_OBJECT_ID]: LX, [`${STATUS}.7.1`]: 2, [`${STATUS}.7.2`]: 2 })
    expect(await columnsOf(ask, 'tripp-lite-lx', {})).toBe(`${STATUS}.7.{outlet}`)
  })

  test('of several units none is picked, until the site file names one', async () => {
    const ask = device({ [SYS_OBJECT_ID]: LX, [`${STATUS}.2.1`]: 2, [`${STATUS}.11.1`]: 2 })
    expect(await columnsOf(ask, 'tripp-lite-lx', {})).toMatch(/several units, 2 and 11 among them/)
    expect(await columnsOf(ask, 'tripp-lite-lx', { unit: 11 })).toBe(`${STATUS}.11.{outlet}`)
  })

  test('a device without such a table is a problem, never unit 1', async () => {
    const ask = device({ [SYS_OBJECT_ID]: LX, '1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.5.1.1': 2 })
    expect(await columnsOf(ask, 'tripp-lite-lx', {})).toMatch(/no outlets below/)
  })
})

describe('a model of the site file', () => {
  const custom = (detect?: string) => {
    const model = findModelOf({
      model: 'custom',
      custom: {
        ...(detect === undefined ? {} : { detect }),
        outlets: 4,
        control: {
          on: { oid: '1.3.6.1.4.1.99.1.{outlet}', value: 1 },
          off: { oid: '1.3.6.1.4.1.99.1.{outlet}', value: 2 },
        },
        status: { oid: '1.3.6.1.4.1.99.2.{outlet}', on: [1], off: [2] },
      },
    })
    if (!model) throw new Error('no row')
    return model
  }

  test('takes any device that tells a sysObjectID when it names none', () => {
    expect(refuseIdentity(custom(), '1.3.6.1.4.1.318.1.3.4.5')).toBeUndefined()
    expect(refuseIdentity(custom(), undefined)).toMatch(/the device tells none/)
  })

  test('with a detect takes only what lies below it, even of a known family', () => {
    expect(refuseIdentity(custom('1.3.6.1.4.1.318.1'), '1.3.6.1.4.1.318.1.3.4.5')).toBeUndefined()
    expect(refuseIdentity(custom('1.3.6.1.4.1.318.1'), '1.3.6.1.4.1.318.10')).toMatch(
      /custom has sysObjectID 1\.3\.6\.1\.4\.1\.318\.1, the device tells .*318\.10/,
    )
  })
})

test.each([
  ['noSuchName', 0],
  ['endOfMibView', 0],
  ['genErr', 1],
  ['tooBig', 1],
])('%s does or does not mean that a device has no pending column', async (status, conditions) => {
  const ask: Asker = {
    ...device({ [SYS_OBJECT_ID]: '1.3.6.1.4.1.318.1.3.4.5' }),
    next: async () => ({ kind: 'error', status }),
  }
  const found = await identify(ask, getModel('apc-rpdu'), {}, 100)
  expect('device' in found && found.device.columns.conditions).toHaveLength(conditions)
})
