// A bound of a range of time, as a caller gives it.
import { z } from '@hono/zod-openapi'

/** Stored instants carry microseconds; so that text compares like time, the bound must too. */
export const instantBound = z.iso
  .datetime()
  .max(40)
  .transform((bound) => {
    const [, whole = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z$/.exec(bound) ?? []
    // Seconds may be left out in this form of an instant.
    const seconds = /:\d\d:\d\d$/.test(whole) ? whole : `${whole}:00`
    return `${seconds}.${fraction.slice(0, 6).padEnd(6, '0')}Z`
  })
  .openapi({ type: 'string', format: 'date-time' })
