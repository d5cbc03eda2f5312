// Checks what came over the control port. Every fault found is named with field, value and what is allowed.
import type { Allowed } from './model/faults.ts'

export interface InputError {
  field: string
  value: unknown
  allowed: string
}

export class BadInput extends Error {
  readonly errors: readonly InputError[]

  constructor(errors: readonly InputError[]) {
    super(errors.map(({ field, allowed }) => `${field}: allowed is ${allowed}`).join('; '))
    this.errors = errors
  }
}

/** The fields that were given, checked against the table. Throws BadInput naming every bad one. */
export function readFields<T extends object>(
  table: Record<keyof T & string, Allowed>,
  input: unknown,
): Partial<T> {
  const allowedFields = Object.keys(table).join(', ')
  if (!isObject(input)) {
    throw new BadInput([{ field: '', value: input, allowed: `an object with ${allowedFields}` }])
  }
  const errors: InputError[] = []
  for (const [field, value] of Object.entries(input)) {
    const allowed = Object.entries<Allowed>(table).find(([name]) => name === field)?.[1]
    if (!allowed) errors.push({ field, value, allowed: `one of ${allowedFields}` })
    else if (!fits(allowed, value)) errors.push({ field, value, allowed: wordsFor(allowed) })
  }
  if (errors.length > 0) throw new BadInput(errors)
  // Every field has just been checked against the table that describes T.
  return input as Partial<T>
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fits(allowed: Allowed, value: unknown): boolean {
  switch (allowed.kind) {
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer':
      return isInteger(value, allowed.min, allowed.max)
    case 'word':
      return typeof value === 'string' && allowed.words.includes(value)
    case 'text':
      return typeof value === 'string' && value.length <= 31
    case 'words':
      return Array.isArray(value) && value.every((item) => allowed.words.includes(item))
    case 'integers':
      return (
        Array.isArray(value) && value.every((item) => isInteger(item, allowed.min, allowed.max))
      )
  }
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}

function wordsFor(allowed: Allowed): string {
  switch (allowed.kind) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `an integer ${allowed.min}–${allowed.max}`
    case 'word':
      return allowed.words.join(' or ')
    case 'text':
      return 'a text of at most 31 characters'
    case 'words':
      return `a list of ${allowed.words.join(', ')}`
    case 'integers':
      return `a list of integers ${allowed.min}–${allowed.max}`
  }
}
