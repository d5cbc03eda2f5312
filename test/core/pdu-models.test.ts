import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { validateSite } from '../../core/limits.ts'
import {
  findColumns,
  hasPlaces,
  judgeOutlet,
  outletOid,
  type PduModel,
  placeColumns,
  placeOid,
  readingOids,
  refuseOutlet,
} from '../../core/pdu-model.ts'
import { detectPduModels, findPduModel, PDU_MODELS, refusePduModel } from '../../core/pdu-models.ts'
import { rawSite } from './sample-site.ts'

function getModel(name: string): PduModel {
  const model = findPduModel(name)
  if (!model) throw new Error(`no row ${name}`)
  return model
}

const FIRST = { unit: 1, branch: 1 }

function written(name: string, outlet: number, firmware = 'any') {
  const columns = findColumns(getModel(name), firmware)
  if (!columns) throw new Error(`no columns for ${name}`)
  const { off, on, status } = placeColumns(columns, FIRST)
  return {
    off: `${outletOid(off.oid, outlet)} = ${off.value}`,
    on: `${outletOid(on.oid, outlet)} = ${on.value}`,
    read: outletOid(status.oid, outlet),
    offValues: status.off,
    onValues: status.on,
  }
}

describe('what is written and read is what the published tables say', () => {
  const E = '1.3.6.1.4.1'
  test('IBM iPDU', () => {
    expect(written('ibm-ipdu', 3)).toEqual({
      off: `${E}.2.6.223.8.2.2.1.11.3 = 0`,
      on: `${E}.2.6.223.8.2.2.1.11.3 = 1`,
      read: `${E}.2.6.223.8.2.2.1.11.3`,
      offValues: [0],
      onValues: [1],
    })
  })

  test('Lenovo firmware of the iPDU keeps its outlets in column 13', () => {
    const { off, on, read } = written('ibm-ipdu', 3, 'OPDP_sLEN_v02')
    expect([off, on, read].every((text) => text.startsWith(`${E}.2.6.223.8.2.2.1.13.3`))).toBe(true)
  })

  test('APC rPDU', () => {
    expect(written('apc-rpdu', 8)).toEqual({
      off: `${E}.318.1.1.12.3.3.1.1.4.8 = 2`,
      on: `${E}.318.1.1.12.3.3.1.1.4.8 = 1`,
      read: `${E}.318.1.1.12.3.5.1.1.4.8`,
      offValues: [2],
      onValues: [1],
    })
  })

  test('APC rPDU2 reads the other way round than it is written', () => {
    expect(written('apc-rpdu2', 8)).toEqual({
      off: `${E}.318.1.1.26.9.2.4.1.5.8 = 2`,
      on: `${E}.318.1.1.26.9.2.4.1.5.8 = 1`,
      read: `${E}.318.1.1.26.9.2.3.1.5.8`,
      offValues: [1],
      onValues: [2],
    })
  })

  test('Eaton G3 takes a delay of zero in a column for off and another for on', () => {
    expect(written('eaton-epdu-g3', 5)).toMatchObject({
      off: `${E}.534.6.6.7.6.6.1.3.0.5 = 0`,
      on: `${E}.534.6.6.7.6.6.1.4.0.5 = 0`,
      offValues: [0],
      onValues: [1],
    })
  })

  test('HPE ePDU takes delays too, and reads 1 as off', () => {
    expect(written('hpe-epdu', 5)).toMatchObject({
      off: `${E}.232.165.7.5.2.1.2.1.5 = 0`,
      on: `${E}.232.165.7.5.2.1.3.1.5 = 0`,
      offValues: [1],
      onValues: [2],
    })
  })

  test('outlet 1 of an Eaton Switched is never index 1, which switches all of them', () => {
    expect(written('eaton-switched', 1)).toMatchObject({
      off: `${E}.20677.2.6.2.2.0 = 2`,
      read: `${E}.20677.2.6.3.1.0`,
    })
  })

  test('Eaton Managed counts from zero', () => {
    expect(written('eaton-managed', 1).off).toBe(`${E}.534.6.6.6.1.2.2.1.3.0 = 0`)
  })

  test('Raritan PX2 reads 7 and 8', () => {
    expect(written('raritan-px2', 4)).toMatchObject({ offValues: [8], onValues: [7] })
  })
})

test('the columns of an iPDU are not guessed while its firmware is unknown', () => {
  expect(findColumns(getModel('ibm-ipdu'), undefined)).toBeUndefined()
  expect(findColumns(getModel('ibm-ipdu'), '')).toBeUndefined()
})

describe.each(PDU_MODELS.map((model) => [model.name, model] as const))('%s', (_name, model) => {
  const variants = [model.columns, ...(model.otherFirmware ? [model.otherFirmware.columns] : [])]

  test('no value is both on and off', () => {
    for (const { status } of variants) {
      expect(status.on.filter((value) => status.off.includes(value))).toEqual([])
      expect(status.on.length * status.off.length).toBeGreaterThan(0)
    }
  })

  test('off and on are different writes', () => {
    for (const { off, on } of variants) {
      expect(outletOid(off.oid, 1) === outletOid(on.oid, 1) && off.value === on.value).toBe(false)
    }
  })

  test('every outlet has its own OIDs, complete numbers all', () => {
    for (const columns of variants) {
      const templates = [columns.off.oid, columns.on.oid, ...readingTemplates(model)]
      for (const template of templates) {
        const placed = placeOid(template, FIRST)
        expect(outletOid(placed, 1)).toMatch(/^1(\.\d+)+$/)
        expect(outletOid(placed, 1)).not.toBe(outletOid(placed, 2))
      }
    }
    const { modelOid, firmwareOid = modelOid, sysObjectIds } = model
    for (const oid of [modelOid, firmwareOid, ...sysObjectIds]) {
      expect(placeOid(oid, FIRST)).toMatch(/^1(\.\d+)+$/)
    }
  })

  test.each(['unit', 'branch'] as const)(
    'what is written and what is read lie in the same %s',
    (part) => {
      for (const columns of variants) {
        const { off, on, status, conditions = [], notes = [] } = columns
        const having = [off, on, status, ...conditions, ...notes].map(({ oid }) => {
          return oid.includes(`{${part}`)
        })
        expect(new Set(having).size).toBe(1)
      }
    },
  )

  test('only a value of the off set with every condition met is off', () => {
    for (const columns of variants) {
      const met = (columns.conditions ?? []).map(({ values }) => values[0])
      fc.assert(
        fc.property(fc.integer({ min: -3, max: 300 }), (value) => {
          const power = judgeOutlet(columns, [value, ...met]).value
          const wanted = columns.status.off.includes(value)
            ? 'off'
            : columns.status.on.includes(value)
              ? 'on'
              : 'unknown'
          expect(power).toBe(wanted)
        }),
      )
    }
  })

  test('its own sysObjectID detects it and nothing else', () => {
    for (const prefix of model.sysObjectIds) {
      expect(detectPduModels(prefix)).toEqual([model])
      expect(detectPduModels(`${prefix}.99.1`)).toContain(model)
    }
  })
})

function readingTemplates(model: PduModel): string[] {
  const { status, conditions = [] } = model.columns
  return [status.oid, ...conditions.map(({ oid }) => oid), model.outletNameOid ?? status.oid]
}

describe('a reading', () => {
  const { columns } = getModel('apc-rpdu')

  test('asks the status first, then what else must hold', () => {
    expect(readingOids(columns, 7)).toEqual([
      '1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.7',
      '1.3.6.1.4.1.318.1.1.12.3.5.1.1.5.7',
    ])
  })

  test.each([
    ['a command pending', [2, 1], '2, not settled (1)'],
    ['the pending column missing', [2, undefined], '2, not settled (missing)'],
    ['the status missing', [undefined, 2], 'missing'],
    ['nothing read', [], 'missing'],
    ['a value of no meaning', [3, 2], '3'],
  ])('with %s is unknown and says what was read', (_what, values, raw) => {
    expect(judgeOutlet(columns, values)).toEqual({ value: 'unknown', raw })
  })
})

test.each([
  ['1.3.6.1.4.1.850.1.1.1', 'tripp-lite-lx'],
  ['1.3.6.1.4.1.850.1.1.1.4', 'tripp-lite-lx'],
  ['1.3.6.1.4.1.850.1.2', 'tripp-lite'],
])('%s is %s: the closest prefix decides', (sysObjectId, name) => {
  expect(detectPduModels(sysObjectId).map((model) => model.name)).toEqual([name])
})

test.each(['1.3.6.1.4.1.318.1.3.4.55', '1.3.6.1.4.1.318.1.3.4', '1.3.6.1.4.1.8072.3.2.10', ''])(
  'sysObjectID %j is no known family: numbers are compared whole',
  (sysObjectId) => {
    expect(detectPduModels(sysObjectId)).toEqual([])
  },
)

test('an unknown model is refused with the name, its value and all that are known', () => {
  expect(refusePduModel('apc')).toBe(
    `model "apc" is unknown; known: ${PDU_MODELS.map(({ name }) => name).join(', ')}, custom`,
  )
  expect(refusePduModel('apc-rpdu')).toBeUndefined()
})

test('model names are unique', () => {
  expect(new Set(PDU_MODELS.map(({ name }) => name)).size).toBe(PDU_MODELS.length)
})

test.each([0, -1, 1.5, Number.NaN, 13, Infinity])('outlet %d of an iPDU is refused', (outlet) => {
  expect(refuseOutlet(getModel('ibm-ipdu'), outlet)).toBe(
    `outlet ${outlet}: ibm-ipdu has outlets 1 to 12`,
  )
})

test('the first and the last outlet of an iPDU are possible', () => {
  expect(refuseOutlet(getModel('ibm-ipdu'), 1)).toBeUndefined()
  expect(refuseOutlet(getModel('ibm-ipdu'), 12)).toBeUndefined()
})

describe('docs/site-file.md', () => {
  const page = readFileSync(new URL('../../docs/site-file.md', import.meta.url), 'utf8')

  test('lists exactly the models of the table, with what the site file may say of each', () => {
    const start = page.indexOf('### Models')
    const lines = page.slice(start, page.indexOf('\n\n', start)).split('\n').slice(3)
    const rows = PDU_MODELS.map((model) => {
      const parts = (['unit', 'branch'] as const).filter((part) => hasPlaces(model, part))
      const chain = parts.map((part) => `\`${part}\``).join(', ') || '–'
      const named = model.outletNameOid === undefined ? 'no' : 'yes'
      return `| \`${model.name}\` | ${model.title} | ${chain} | ${named} |`
    })
    expect(lines).toEqual(rows)
  })

  test('shows a custom model that is valid as it stands', () => {
    const [, example = ''] = /```yaml\n(model: custom\n[\s\S]*?)```/.exec(page) ?? []
    const raw = rawSite()
    Object.assign(raw.spec.pdus[0] ?? {}, parse(example))
    const verdict = validateSite(raw)
    expect(verdict).toMatchObject({ site: { spec: { pdus: [{ model: 'custom' }, {}] } } })
  })
})
