// Who is at the other end of a connection. A proxy in between is seen as itself: what it says of others in a
// header could be said by anybody.
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context } from 'hono'

/** IPv4 without the IPv6 form around it. */
export function remoteAddress(context: unknown): string | undefined {
  return getConnInfo(context as Context).remote.address?.replace(/^::ffff:(?=\d)/, '')
}
