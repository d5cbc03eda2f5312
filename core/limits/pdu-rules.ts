// What a site may say of its PDUs by their models: known ones, units and branches where a family has them,
// outlets that exist (spec domain.md §2, protocols.md §3).
import { CUSTOM_MODEL, findModelOf } from '../custom-pdu-model.ts'
import { hasPlaces, type PduModel } from '../pdu-model.ts'
import type { Feed, Pdu, SiteSpec } from '../site.ts'
import { canonicalAddress } from './address.ts'
import { at, type Item, type RuleFault, shown } from './fault.ts'
import { eachMachine, named } from './unique-rules.ts'

export type PduModels = readonly PduModel[]

export function pduRules(spec: SiteSpec, models: PduModels): RuleFault[] {
  return [
    ...spec.pdus.flatMap((pdu, index) => {
      const pointer = `/spec/pdus/${index}`
      const row = findRow(pdu, models)
      return row ? places(spec, pdu, row, pointer) : unknownModel(pdu, models, pointer)
    }),
    ...feeds(spec, models),
  ]
}

function findRow(pdu: Pdu, models: PduModels): PduModel | undefined {
  return pdu.model === CUSTOM_MODEL
    ? findModelOf(pdu)
    : models.find(({ name }) => name === pdu.model)
}

function unknownModel({ name, model }: Pdu, models: PduModels, pointer: string): RuleFault[] {
  if (model === '') return []
  const known = [...models.map((row) => row.name), CUSTOM_MODEL].join(', ')
  return [
    {
      pointer: at(pointer, 'model'),
      field: 'model',
      ...shown(model),
      allowed: known,
      detail: `PDU ${name} has the unknown model "${model.slice(0, 100)}"; known are ${known}`,
      involves: [{ subject: 'pdu', name }],
    },
  ]
}

function places(spec: SiteSpec, pdu: Pdu, row: PduModel, pointer: string): RuleFault[] {
  const foreign = (['unit', 'branch'] as const).flatMap((field): RuleFault[] => {
    const value = pdu[field]
    if (value === undefined || hasPlaces(row, field)) return []
    return [
      {
        pointer: at(pointer, field),
        field,
        value,
        allowed: 'left out',
        detail: `PDU ${pdu.name} names a ${field}, and a ${pdu.model} does not tell any apart`,
        involves: [{ subject: 'pdu', name: pdu.name }],
      },
    ]
  })
  return [...foreign, ...openUnit(spec, pdu, row, pointer)]
}

/** A unit that is found at the device may be the very one that another PDU of the site names. */
function openUnit(spec: SiteSpec, pdu: Pdu, row: PduModel, pointer: string): RuleFault[] {
  if (pdu.unit !== undefined || row.unitsBelow === undefined) return []
  const address = canonicalAddress(pdu.address)
  const other = spec.pdus.find((each) => {
    const same = address !== undefined && canonicalAddress(each.address) === address
    return each !== pdu && same && each.port === pdu.port
  })
  if (!other) return []
  const involves: Item[] = [pdu, other].map(({ name }) => ({ subject: 'pdu', name }))
  const detail = `PDU ${pdu.name} names no unit and has the address and port of PDU ${other.name}`
  const allowed = 'the number of the unit, where PDUs share an address and port'
  return [{ pointer: at(pointer, 'unit'), field: 'unit', allowed, detail, involves }]
}

function feeds(spec: SiteSpec, models: PduModels): RuleFault[] {
  const pdus = new Map(spec.pdus.map((pdu) => [pdu.name, pdu]))
  return eachMachine(spec).flatMap(({ machine, item, pointer }) =>
    machine.feeds.flatMap((feed, index): RuleFault[] => {
      const place = `${pointer}/feeds/${index}`
      const pdu = pdus.get(feed.pdu)
      return pdu ? outlet(item, feed, pdu, findRow(pdu, models), place) : noPdu(item, feed, place)
    }),
  )
}

function noPdu(item: Item, { pdu }: Feed, pointer: string): RuleFault[] {
  return [
    {
      pointer: at(pointer, 'pdu'),
      field: 'pdu',
      ...shown(pdu),
      allowed: 'the name of a PDU of this site; a PDU goes only after its feeds',
      detail: `${named(item)} is fed by the PDU "${pdu}", which the site has not (any more)`,
      involves: [item, { subject: 'pdu', name: pdu }],
    },
  ]
}

function outlet(
  item: Item,
  feed: Feed,
  pdu: Pdu,
  row: PduModel | undefined,
  pointer: string,
): RuleFault[] {
  const involves: Item[] = [item, { subject: 'pdu', name: pdu.name }]
  const count = row?.maxOutlets
  const faults: RuleFault[] = []
  if (count !== undefined && feed.outlet > count) {
    const allowed = `1 to ${count}, the outlets of a ${pdu.model}`
    const detail = `${named(item)} names outlet ${feed.outlet} of PDU ${pdu.name}, which has ${count}`
    faults.push({
      ...{ pointer: at(pointer, 'outlet'), field: 'outlet', value: feed.outlet },
      ...{ allowed, detail, involves },
    })
  }
  if (row && feed.outletName !== undefined && row.outletNameOid === undefined) {
    const detail = `${named(item)} names an outlet of PDU ${pdu.name}, and a ${pdu.model} tells no names`
    faults.push({
      ...{ pointer: at(pointer, 'outletName'), field: 'outletName', ...shown(feed.outletName) },
      ...{ allowed: 'left out', detail, involves },
    })
  }
  return faults
}
