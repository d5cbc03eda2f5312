// What is wrong with an input, in a form that a person can act on and a program can point at.
import { FAULTS_MAX } from './bounds.ts'

export interface Fault {
  /** JSON pointer (RFC 6901) into the document as it was given. */
  pointer: string
  field: string
  /** As given; left out when it is missing, no plain value, or may be a secret. */
  value?: string | number | boolean | null
  /** What would be right, in words. */
  allowed: string
  /** One sentence that stands alone. */
  detail: string
}

/** Something that is allowed and yet keeps a reset from being as sure as it could be. */
export interface Warning {
  code: string
  subject: string
  detail: string
}

/** A kind of thing that a change report speaks of (spec domain.md §8). */
export type Subject = 'site' | 'managementServer' | 'pdu' | 'server' | 'cluster'

export interface Item {
  subject: Subject
  name: string
}

/** A fault between objects: undoing the change of one of those involved may mend it. */
export interface RuleFault extends Fault {
  involves: Item[]
}

const SHOWN_CHARACTERS_MAX = 100

export function at(pointer: string, field: string | number): string {
  return `${pointer}/${String(field).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** The part of a fault that repeats what was given, made short and harmless. */
export function shown(value: unknown): Pick<Fault, 'value'> {
  if (typeof value === 'string') {
    const short = value.length > SHOWN_CHARACTERS_MAX
    return { value: short ? `${value.slice(0, SHOWN_CHARACTERS_MAX)}…` : value }
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return { value }
  return {}
}

/** Collects faults up to `FAULTS_MAX` and counts the rest. */
export class FaultList {
  readonly #faults: Fault[] = []
  #left = 0
  /** Set when a part could not be read at all: rules between objects make no sense then. */
  partial = false

  get empty(): boolean {
    return this.#faults.length === 0
  }

  add(fault: Fault): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault)
    else this.#left += 1
  }

  toArray(): Fault[] {
    if (this.#left === 0) return [...this.#faults]
    const more: Fault = {
      pointer: '',
      field: '',
      allowed: 'a document without faults',
      detail: `${this.#left} more faults are not listed`,
    }
    return [...this.#faults, more]
  }
}
