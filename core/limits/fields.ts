// Reads one object of a raw document field by field. A fault is noted and a stand-in returned, so that
// one pass finds all faults; what was read counts only when the list of faults stayed empty.
import type { Sealed } from '../site.ts'
import { canonicalAddress, isNobody } from './address.ts'
import { ANY_PORT, NAME_CHARACTERS_MAX, type Range, SEALED_CHARACTERS_MAX } from './bounds.ts'
import { at, type Fault, type FaultList, shown } from './fault.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
const COMPACT_JWE = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}$/
export const NAME_ALLOWED = `1 to ${NAME_CHARACTERS_MAX} of A–Z a–z 0–9 - _ . , the first one a letter or a digit`

type RawObject = Record<string, unknown>

/** A field that is absent when the value is: what `exactOptionalPropertyTypes` asks for. */
export function present<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}

export class Fields {
  readonly pointer: string
  readonly faults: FaultList
  readonly #raw: RawObject

  /** Reads nothing but the known fields; every other one is a fault, its value not repeated. */
  constructor(raw: unknown, pointer: string, faults: FaultList, known: readonly string[]) {
    this.pointer = pointer
    this.faults = faults
    this.#raw = isObject(raw) ? raw : {}
    if (!isObject(raw)) {
      faults.partial = true
      const field = pointer.split('/').at(-1) ?? ''
      const allowed = `an object with the fields ${known.join(', ')}`
      faults.add({ pointer, field, allowed, detail: `${pointer || 'the document'} is no object` })
      return
    }
    for (const field of Object.keys(raw)) {
      if (known.includes(field)) continue
      faults.add({
        pointer: at(pointer, field),
        field,
        allowed: known.join(', '),
        detail: `there is no field "${field.slice(0, 100)}" here; known are ${known.join(', ')}`,
      })
    }
  }

  /** The value as given; undefined when the field was left out. */
  raw(field: string): unknown {
    return Object.hasOwn(this.#raw, field) ? this.#raw[field] : undefined
  }

  #given(field: string, kept: unknown): unknown {
    const value = this.raw(field)
    return value === undefined ? kept : value
  }

  /** Notes that a field has no place here; its value may be a secret and is not repeated. */
  foreign(field: string, allowed: string): void {
    if (this.raw(field) === undefined) return
    const detail = `${field} has no place here; it must be ${allowed}`
    this.faults.add({ pointer: at(this.pointer, field), field, allowed, detail })
  }

  /** Notes a fault of a field that is no secret. */
  fault(field: string, allowed: string): void {
    const value = this.raw(field)
    const given = value === undefined ? 'is missing' : 'is not allowed here'
    this.faults.add({
      pointer: at(this.pointer, field),
      field,
      ...shown(value),
      allowed,
      detail: `${field} ${shownText(value)}${given}; it must be ${allowed}`,
    })
  }

  text(field: string, allowed: string, right: (text: string) => boolean, kept?: string): string {
    const value = this.#given(field, kept)
    if (typeof value === 'string' && right(value)) return value
    this.fault(field, allowed)
    return typeof value === 'string' ? value : ''
  }

  name(field: string, kept?: string): string {
    return this.text(field, NAME_ALLOWED, isName, kept)
  }

  optionalName(field: string, kept: string | undefined): string | undefined {
    return this.optional(field, kept, () => this.name(field))
  }

  address(field: string, kept?: string): string {
    return this.text(field, 'an IPv4 or IPv6 address of one device', isAddress, kept)
  }

  choice<T extends string>(field: string, choices: readonly T[], kept?: T): T {
    const value = this.#given(field, kept)
    // YAML reads a bare `3` as a number.
    const text = typeof value === 'number' ? String(value) : value
    const chosen = choices.find((choice) => choice === text)
    if (chosen !== undefined) return chosen
    this.fault(field, choices.join(' or '))
    return kept ?? (choices[0] as T)
  }

  flag(field: string, kept: boolean): boolean {
    const value = this.raw(field)
    if (value === undefined) return kept
    if (typeof value === 'boolean') return value
    this.fault(field, 'true or false')
    return kept
  }

  integer(field: string, range: Range, kept?: number): number {
    const value = this.#given(field, kept)
    if (typeof value === 'number' && inRange(value, range)) return value
    this.fault(field, rangeText(range))
    return typeof value === 'number' ? value : Number.NaN
  }

  port(field: string, kept?: number): number {
    return this.integer(field, ANY_PORT, kept)
  }

  /** Left out keeps, `null` takes away. */
  optional<T>(field: string, kept: T | undefined, read: () => T): T | undefined {
    const value = this.raw(field)
    if (value === undefined) return kept
    return value === null ? undefined : read()
  }

  object<T>(field: string, known: readonly string[], read: (fields: Fields) => T): T {
    return read(new Fields(this.#given(field, {}), at(this.pointer, field), this.faults, known))
  }

  /** Reads each element; a list that is none, or too long, is a fault and reads as empty. */
  list<T>(
    field: string,
    max: number,
    kept: T[],
    read: (raw: unknown, pointer: string, index: number) => T,
  ): T[] {
    const value = this.raw(field)
    if (value === undefined) return kept
    const pointer = at(this.pointer, field)
    if (!Array.isArray(value)) {
      this.faults.partial = true
      this.fault(field, `a list of at most ${max}; [] for none`)
      return []
    }
    if (value.length <= max)
      return Array.from(value, (raw, index) => read(raw, at(pointer, index), index))
    this.faults.partial = true
    this.faults.add({
      pointer,
      field,
      value: value.length,
      allowed: `at most ${max}`,
      detail: `${field} has ${value.length} entries; at most ${max} are allowed`,
    })
    return []
  }

  /** A credential sealed by the client; left out, the one that the same object held before is kept. */
  sealed(field: string, kept: Sealed | undefined): Sealed {
    const value = this.raw(field)
    if (value === undefined && kept) return kept
    const sealed = isObject(value) && Object.keys(value).length === 1 ? value['sealed'] : undefined
    if (typeof sealed === 'string' && isCompactJwe(sealed)) return { sealed }
    this.faults.add(unsealedFault(at(this.pointer, field), field, value))
    return { sealed: '' }
  }
}

function unsealedFault(pointer: string, field: string, value: unknown): Fault {
  const allowed = '{ "sealed": "…" }: the credential sealed to the key of the site'
  const detail =
    value === undefined
      ? `${field} is missing, and there is none from before to keep`
      : `${field} is not sealed; the client resolves and seals it before it sends it`
  return { pointer, field, allowed, detail }
}

function isObject(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isName(text: string): boolean {
  return text.length <= NAME_CHARACTERS_MAX && NAME.test(text)
}

function isAddress(text: string): boolean {
  const canonical = canonicalAddress(text)
  return canonical !== undefined && !isNobody(canonical)
}

function isCompactJwe(text: string): boolean {
  return text.length <= SEALED_CHARACTERS_MAX && COMPACT_JWE.test(text)
}

export function inRange(value: number, { min, max, step = 1 }: Range): boolean {
  return Number.isInteger(value) && value >= min && value <= max && (value - min) % step === 0
}

export function rangeText({ min, max, step }: Range): string {
  const steps = step === undefined ? 'a whole number' : 'a number'
  return `${steps} from ${min} to ${max}${step === undefined ? '' : ` in steps of ${step}`}`
}

function shownText(value: unknown): string {
  const short = shown(value).value
  return short === undefined ? '' : `${JSON.stringify(short)} `
}
