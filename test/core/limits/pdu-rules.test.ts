// PDUs in a site: models of the table, models of the site file itself, units behind one address.
import { describe, expect, test } from 'vitest'
import { findModelOf } from '../../../core/custom-pdu-model.ts'
import { validateSite } from '../../../core/limits.ts'
import { judgeOutlet, outletOid, readingOids } from '../../../core/pdu-model.ts'
import { PDU_MODELS } from '../../../core/pdu-models.ts'
import type { SiteDocument } from '../../../core/site.ts'
import { rawSite, withValue } from '../sample-site.ts'

const A = '/spec/pdus/0'
const B = '/spec/pdus/1'
const FEED = '/spec/servers/0/feeds/0'
const E = '1.3.6.1.4.1.99999'

function faultsOf(raw: unknown, previous?: SiteDocument) {
  const verdict = validateSite(raw, previous)
  return 'faults' in verdict ? verdict.faults : []
}

function accepted(raw: unknown, previous?: SiteDocument): SiteDocument {
  const verdict = validateSite(raw, previous)
  if ('faults' in verdict) throw new Error(JSON.stringify(verdict.faults, null, 1))
  return verdict.site
}

function withValues(values: Record<string, unknown>): unknown {
  const set = (raw: unknown, [pointer, value]: [string, unknown]) => withValue(raw, pointer, value)
  return Object.entries(values).reduce(set, rawSite() as unknown)
}

const CUSTOM = {
  detect: E,
  outlets: 12,
  control: {
    on: { oid: `${E}.1.{outlet}`, value: 1 },
    off: { oid: `${E}.1.{outlet}`, value: 2 },
  },
  status: { oid: `${E}.2.{outlet-1}`, on: [1, 5], off: [2] },
  pending: { oid: `${E}.3.{outlet}`, settled: [0] },
  outletName: `${E}.4.{outlet}`,
  firmware: `${E}.5.0`,
}

const withCustom = (pointer = '', value?: unknown) => {
  const raw = withValues({ [`${A}/model`]: 'custom', [`${A}/custom`]: CUSTOM })
  return pointer === '' ? raw : withValue(raw, `${A}/custom${pointer}`, value)
}

test('an unknown model is answered with all that are known, custom among them', () => {
  const [fault] = faultsOf(withValues({ [`${A}/model`]: 'apc' }))
  const known = [...PDU_MODELS.map(({ name }) => name), 'custom'].join(', ')
  expect(fault).toEqual({
    pointer: `${A}/model`,
    field: 'model',
    value: 'apc',
    allowed: known,
    detail: `PDU pdu-a has the unknown model "apc"; known are ${known}`,
  })
})

describe('a model described in the site file', () => {
  test('is taken as it stands, and is a row like any other', () => {
    const pdu = accepted(withCustom()).spec.pdus[0]
    expect(pdu).toMatchObject({ model: 'custom', custom: CUSTOM })
    const row = pdu && findModelOf(pdu)
    expect(row).toMatchObject({ name: 'custom', sysObjectIds: [E], maxOutlets: 12 })
    if (!row) throw new Error('no row')
    expect(outletOid(row.columns.off.oid, 3)).toBe(`${E}.1.3`)
    expect(readingOids(row.columns, 3)).toEqual([`${E}.2.2`, `${E}.3.3`])
    const judge = (status: number, pending: number) => {
      return judgeOutlet(row.columns, [status, pending]).value
    }
    expect([judge(2, 0), judge(5, 0), judge(3, 0), judge(2, 1)]).toEqual([
      'off',
      'on',
      'unknown',
      'unknown',
    ])
  })

  test('needs no more than outlets, control and status', () => {
    const { outlets, control, status } = CUSTOM
    const least = { outlets, control, status }
    const raw = withValues({ [`${A}/model`]: 'custom', [`${A}/custom`]: least })
    expect(accepted(raw).spec.pdus[0]?.custom).toEqual(least)
  })

  test.each([
    ['/outlets', 0, 'outlets', 'a whole number from 1 to 255'],
    ['/outlets', 256, 'outlets', 'a whole number from 1 to 255'],
    ['/outlets', undefined, 'outlets', 'a whole number from 1 to 255'],
    ['/detect', `.${E}`, 'detect', 'no leading dot'],
    ['/detect', `${E}.{outlet}`, 'detect', 'an OID'],
    ['/firmware', 'v1', 'firmware', 'an OID'],
    ['/model', 5, 'model', 'an OID'],
    ['/control/off/oid', `${E}.1.3`, 'oid', '{outlet}'],
    ['/control/off/oid', `${E}.1.{outlets}`, 'oid', '{outlet}'],
    ['/control/off/oid', `${E}.1.{outlet+2}`, 'oid', '{outlet}'],
    ['/control/off/oid', `${E}.01.{outlet}`, 'oid', '{outlet}'],
    ['/control/off/oid', `${E}.4294967296.{outlet}`, 'oid', '{outlet}'],
    ['/control/off/oid', `3.1.{outlet}`, 'oid', '{outlet}'],
    ['/control/off/oid', `1.{outlet}`, 'oid', '{outlet}'],
    ['/control/off/oid', `${E}${'.1'.repeat(130)}.{outlet}`, 'oid', '{outlet}'],
    ['/control/off/oid', null, 'oid', '{outlet}'],
    ['/control/off/value', 2.5, 'value', 'a whole number from -2147483648 to 2147483647'],
    ['/control/off/value', 2 ** 31, 'value', 'a whole number from'],
    ['/control/off/value', '2', 'value', 'a whole number from'],
    ['/control/off/value', 1, 'off', 'another OID or another value than that of `on`'],
    ['/control/off', { oid: `${E}.1.{outlet+1}`, value: 1 }, 'off', 'another OID'],
    ['/control/off', undefined, 'oid', '{outlet}'],
    ['/status/oid', `${E}.2.1`, 'oid', '{outlet}'],
    ['/status/off', [], 'off', 'a list of 1 to 16 whole numbers'],
    ['/status/off', 2, 'off', 'a list of 1 to 16 whole numbers'],
    ['/status/off', ['2'], 'off', 'a list of 1 to 16 whole numbers'],
    ['/status/off', Array(17).fill(2), 'off', 'a list of 1 to 16 whole numbers'],
    ['/status/off', [2, 5], 'off', 'values that are not in `on`, where 5 is too'],
    ['/pending/settled', [], 'settled', 'a list of 1 to 16 whole numbers'],
    ['/pending/oid', `${E}.3.0`, 'oid', '{outlet}'],
    ['/outletName', `${E}.4`, 'outletName', '{outlet}'],
    ['/status/oid', `${E}.{unit}.{outlet}`, 'control', 'with {unit} in the OIDs of control'],
    ['/reboot', { value: 3 }, 'reboot', 'detect, outlets, control, status'],
  ])(
    'with %s %j is refused at that field, saying what is allowed',
    (pointer, value, field, allowed) => {
      const faults = faultsOf(withCustom(pointer, value))
      expect(faults).toContainEqual(
        expect.objectContaining({
          pointer: expect.stringMatching(new RegExp(`^${A}/custom/.*${field}$`)),
          field,
          allowed: expect.stringContaining(allowed),
        }),
      )
    },
  )

  test('is needed for the model custom and has no place beside another', () => {
    expect(faultsOf(withValues({ [`${A}/model`]: 'custom' })).map(({ field }) => field)).toContain(
      'outlets',
    )
    expect(faultsOf(withValues({ [`${A}/custom`]: CUSTOM }))).toMatchObject([
      { pointer: `${A}/custom`, allowed: 'left out, or the model custom' },
    ])
  })

  test('has as many outlets as it says', () => {
    const feeds = (outlet: number) => withValue(withCustom(), `${FEED}/outlet`, outlet)
    expect(faultsOf(feeds(12))).toEqual([])
    expect(faultsOf(feeds(13))).toMatchObject([
      { pointer: `${FEED}/outlet`, value: 13, allowed: '1 to 12, the outlets of a custom' },
    ])
  })

  test('keeps what a change leaves out, and loses what it takes away', () => {
    const before = accepted(withCustom())
    const after = accepted(withCustom('', undefined), before)
    expect(after.spec.pdus[0]?.custom).toEqual(CUSTOM)
    const changed = { status: { off: [2, 6] }, pending: null }
    const raw = withValue(withCustom(), `${A}/custom`, changed)
    const { pending: _, ...rest } = CUSTOM
    expect(accepted(raw, before).spec.pdus[0]?.custom).toEqual({
      ...rest,
      status: { ...CUSTOM.status, off: [2, 6] },
    })
  })
})

describe('units behind one address', () => {
  const SAME = { [`${B}/address`]: '192.168.1.101' }
  const both = (model: string, more: Record<string, unknown>) =>
    withValues({ [`${A}/model`]: model, [`${B}/model`]: model, ...SAME, ...more })

  test('are PDUs of their own, told apart by unit and branch', () => {
    expect(faultsOf(both('eaton-epdu-g3', { [`${B}/unit`]: 2 }))).toEqual([])
    expect(faultsOf(both('liebert-mpx', { [`${B}/branch`]: 2 }))).toEqual([])
  })

  test('the same unit twice is refused: the first needs no naming', () => {
    for (const more of [{}, { [`${B}/unit`]: 1 }, { [`${B}/branch`]: 1 }]) {
      expect(faultsOf(both('sentry4', more))).toMatchObject([
        {
          pointer: `${B}/address`,
          allowed: 'an address, port, unit and branch that no other PDU has',
        },
      ])
    }
  })

  test.each([
    ['ibm-ipdu', 'unit'],
    ['apc-rpdu2', 'unit'],
    ['eaton-epdu-g3', 'branch'],
  ])('a %s does not tell a %s apart, and naming one is refused', (model, field) => {
    expect(faultsOf(withValues({ [`${A}/model`]: model, [`${A}/${field}`]: 2 }))).toMatchObject([
      { pointer: `${A}/${field}`, value: 2, allowed: 'left out' },
    ])
  })

  test.each([0, -1, 1.5, 256, '2'])('unit %j is refused', (unit) => {
    const raw = withValues({ [`${A}/model`]: 'eaton-epdu-g3', [`${A}/unit`]: unit })
    expect(faultsOf(raw)).toMatchObject([
      { field: 'unit', allowed: 'a whole number from 1 to 255' },
    ])
  })

  test('a unit that is to be found at the device cannot share its address', () => {
    expect(faultsOf(both('tripp-lite-lx', { [`${B}/unit`]: 3 }))).toMatchObject([
      {
        pointer: `${A}/unit`,
        detail: expect.stringContaining('has the address and port of PDU pdu-b'),
      },
    ])
    expect(faultsOf(both('tripp-lite-lx', { [`${A}/unit`]: 2, [`${B}/unit`]: 3 }))).toEqual([])
  })

  test('is kept with its model and gone with it', () => {
    const before = accepted(withValues({ [`${A}/model`]: 'eaton-epdu-g3', [`${A}/unit`]: 2 }))
    const same = accepted(withValues({ [`${A}/model`]: 'eaton-epdu-g3' }), before)
    expect(same.spec.pdus[0]?.unit).toBe(2)
    expect(accepted(rawSite(), before).spec.pdus[0]).not.toHaveProperty('unit')
  })
})

describe('the name of an outlet', () => {
  test.each(['a', 'srv 1, psu 2', 'x'.repeat(64)])('%j is allowed', (name) => {
    const raw = withValues({ [`${FEED}/outletName`]: name })
    expect(accepted(raw).spec.servers[0]?.feeds[0]).toEqual({
      pdu: 'pdu-a',
      outlet: 3,
      outletName: name,
    })
  })

  test.each(['', ' a', 'a ', 'ä', 'a\nb', 'x'.repeat(65), 5])('%j is refused', (name) => {
    expect(faultsOf(withValues({ [`${FEED}/outletName`]: name }))).toMatchObject([
      { pointer: `${FEED}/outletName`, field: 'outletName' },
    ])
  })

  test('cannot be asked of a family that tells none', () => {
    const raw = withValues({ [`${A}/model`]: 'apc-easy-pdu', [`${FEED}/outletName`]: 'a' })
    expect(faultsOf(raw)).toMatchObject([{ pointer: `${FEED}/outletName`, allowed: 'left out' }])
  })

  test('stays with its feed when the PDU is renamed', () => {
    const before = accepted(withValues({ [`${FEED}/outletName`]: 'a' }))
    const renamed = withValues({
      [`${A}/name`]: 'pdu-x',
      [`${A}/renamedFrom`]: 'pdu-a',
      '/spec/servers/0/feeds': undefined,
      '/spec/servers/1/feeds': undefined,
      '/spec/managementServers/0/feeds': undefined,
    })
    expect(accepted(renamed, before).spec.servers[0]?.feeds[0]).toEqual({
      pdu: 'pdu-x',
      outlet: 3,
      outletName: 'a',
    })
  })
})
