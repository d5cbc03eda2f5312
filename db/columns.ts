// Column types of our own. What an agent reports is stored whatever it contains, so nothing here may
// make Postgres refuse a row.
import { customType } from 'drizzle-orm/pg-core'

/** Postgres text holds neither NUL nor half a surrogate pair; both become U+FFFD. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd')
}

/** Text from outside: names, reasons, whole records. */
export const word = customType<{ data: string; driverData: string }>({
  dataType: () => 'text',
  toDriver: storable,
})

/**
 * RFC 3339 UTC with microseconds. Kept as text: the fixed form sorts as time does, and a reported instant
 * such as a thirteenth month must not keep its record out.
 */
export const instant = word
