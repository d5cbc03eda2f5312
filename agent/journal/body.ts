// Makes what devices and people said fit for a record, so that no text of theirs can ever make a record that
// the control plane refuses: behind such a one every later record would wait for ever.
import { type Body, bodySchema } from '../../protocol/report.ts'

const TEXT_MAX = 2000
/** Fields whose text comes from outside at any length. */
const FREE_TEXT = new Set(['detail', 'said'])

/** Throws, naming the fields, when a body is not of its kind even then. */
export function storable(body: Body): Body {
  const parsed = bodySchema.safeParse(fitted(body, ''))
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Error(`a record of kind ${body.kind} cannot be journalled: ${fields.join('; ')}`)
}

function fitted(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    return (FREE_TEXT.has(key) ? value.slice(0, TEXT_MAX) : value).toWellFormed()
  }
  if (Array.isArray(value)) return value.map((item) => fitted(item, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => [name, fitted(inner, name)]),
  )
}
