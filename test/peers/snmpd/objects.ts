// From the description of a family to the objects that pdu.py serves, each with its whole OID.
import { FAMILIES, type Family, type ServedFamily, type State } from './families.ts'

const ENTERPRISES = '.1.3.6.1.4.1'

/** As pdu.py reads it; what each kind means is told there. */
export interface ServedObject {
  outlet?: string
  shows?: Record<State, number>
  turning?: Record<State, number> | undefined
  pending?: { yes: number; no: number }
  takes?: Record<number, string>
  delays?: State
  idle?: number
  name?: true
  also?: number
  all?: true
}

export interface ServedPdu {
  sysObjectId: string
  /** The subtree that holds all objects. */
  root: string
  outlets: string[]
  texts: Record<string, string>
  objects: Record<string, ServedObject>
}

export function servedPdu(name: Family, outlets: number): ServedPdu {
  const family: ServedFamily = FAMILIES[name]
  const units = family.units ?? [{ letters: {}, site: {} }]
  const pdu: ServedPdu = {
    sysObjectId: `${ENTERPRISES}.${family.detect}`,
    root: `${ENTERPRISES}.${family.detect.split('.')[0]}`,
    outlets: [],
    texts: {},
    objects: {},
  }
  for (const { letters } of units) {
    for (const [oid, text] of Object.values(family.texts ?? {})) {
      pdu.texts[oidOf(oid, letters)] = text
    }
    for (let outlet = 1; outlet <= outlets; outlet++) addOutlet(pdu, family, letters, outlet)
  }
  if (family.all) {
    pdu.objects[oidOf(family.all.oid, {})] = { takes: family.all.takes, all: true, idle: 0 }
  }
  return pdu
}

/** What the log and the faults of pdu.py call an outlet: its number, after its unit where there are more. */
export function outletKey(family: ServedFamily, letters: Record<string, number>, outlet: number) {
  const several = (family.units ?? []).length > 1
  return [...(several ? Object.values(letters) : []), outlet].join('.')
}

function addOutlet(
  pdu: ServedPdu,
  family: ServedFamily,
  letters: Record<string, number>,
  outlet: number,
): void {
  const key = outletKey(family, letters, outlet)
  const number = outlet - 1 + (family.from ?? 1)
  // The specification calls the outlet `n`, `i` in tables of rows, and `c` behind `a.b`.
  const own = 'a' in letters ? { c: number } : { n: number, i: number, '(n+1)': number + 1 }
  const add = (oid: string, object: ServedObject) => {
    const whole = oidOf(oid, { ...own, ...letters })
    pdu.objects[whole] = { ...pdu.objects[whole], outlet: key, ...object }
  }
  const { control, status, pending, also, names, decoy } = family
  pdu.outlets.push(key)
  add(status.oid, { shows: status.shows, turning: status.turning })
  if ('takes' in control) {
    add(control.oid, {
      takes: control.takes,
      ...(control.oid === status.oid ? {} : { idle: control.idle ?? 1 }),
    })
  } else {
    for (const to of ['off', 'on'] as const) add(control[to], { delays: to, idle: -1 })
  }
  if (pending) add(pending.oid, { pending: { yes: pending.yes, no: pending.no } })
  if (also) add(also.oid, { also: also.value })
  if (names) add(names, { name: true })
  if (decoy) add(decoy, { also: 0 })
}

function oidOf(text: string, letters: Record<string, number>): string {
  const arcs = text.split('.').map((arc) => letters[arc] ?? arc)
  const oid = `${ENTERPRISES}.${arcs.join('.')}`
  if (!/^(\.\d+)+$/.test(oid)) throw new Error(`${text} has a letter without a number: ${oid}`)
  return oid
}
