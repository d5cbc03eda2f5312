// Which object answers a request. What concerns one site goes to its hub, everything else to a desk; what is
// certainly wrong is refused here, where it costs least. The answers are those of the app in either case.
import { LINK_PATH } from '../../protocol/link.ts'
import { BODY_MAX } from '../app.ts'
import { unauthorized } from '../auth.ts'
import { ApiError, bareProblemResponse } from '../errors.ts'

export type Place =
  | { at: 'site'; site: string }
  /** Named in the JSON body. */
  | { at: 'body' }
  | { at: 'reset'; id: string }
  | { at: 'desk' }

const DESK: Place = { at: 'desk' }
/** Whatever else is asked for as a site does not exist; a desk says so, and no object is made for it. */
const SITE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/
const RESET_ID = /^rst_[0-9a-z]{26}$/

/** Reads nothing but method, path and query. */
export function placeOf(method: string, { pathname, searchParams }: URL): Place {
  const [first, section, name] = pathname.slice(1).split('/')
  if (first !== 'v1') return DESK
  if (section === 'sites') return siteOrDesk(decoded(name ?? ''))
  if (pathname === '/v1/resets') {
    return method === 'POST' ? { at: 'body' } : siteOrDesk(searchParams.get('site'))
  }
  if (section === 'resets' && RESET_ID.test(name ?? '')) return { at: 'reset', id: name ?? '' }
  const isOfSite = [LINK_PATH, '/v1/events', '/v1/audit'].includes(pathname)
  return isOfSite ? siteOrDesk(searchParams.get('site')) : DESK
}

/** The site that a body names, or a desk, which says what is wrong with the body. */
export function placeOfBody(body: ArrayBuffer): Place {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
    const named = typeof parsed === 'object' && parsed !== null && 'site' in parsed
    return named ? siteOrDesk(parsed.site) : DESK
  } catch {
    return DESK
  }
}

function siteOrDesk(site: unknown): Place {
  return typeof site === 'string' && SITE_NAME.test(site) ? { at: 'site', site } : DESK
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}

/** Routes for which no token is asked. */
const PUBLIC = new Set([LINK_PATH, '/v1/agents/enroll', '/v1/keys'])

/**
 * The answer to what no object need see: a read without any token, a body of unknown length. A change without a
 * token goes on: it belongs into the operator log.
 */
export function refuse(request: Request, { pathname }: URL): Response | undefined {
  const asksToken =
    (pathname.startsWith('/v1/') && !PUBLIC.has(pathname)) || pathname === '/metrics'
  const isRead = ['GET', 'HEAD', 'OPTIONS'].includes(request.method)
  if (asksToken && isRead && !/^bearer \S+$/i.test(request.headers.get('authorization') ?? '')) {
    return bareProblemResponse(unauthorized())
  }
  const { headers, body } = request
  // The app goes by the announced length; HTTP/2 lets a client leave it out.
  if (body !== null && !headers.has('content-length') && !headers.has('transfer-encoding')) {
    return bareProblemResponse(new ApiError('length-required', 'a body needs a Content-Length'))
  }
  return undefined
}

/** Whether the router may read a body to learn its site; the app refuses one that is longer. */
export function isReadable({ headers }: Request): boolean {
  const announced = headers.get('content-length')
  return announced !== null && Number(announced) <= BODY_MAX
}
