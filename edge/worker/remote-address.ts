// Who is at the other end of a connection, as the platform tells: it sets this header itself.
import type { Context } from 'hono'

export function remoteAddress(context: unknown): string | undefined {
  return (context as Context).req.header('cf-connecting-ip')
}
