// Every error of the API: a stable code, its status, and RFC 9457 on the wire.
import { z } from '@hono/zod-openapi'
import { DrizzleQueryError } from 'drizzle-orm'
import type { Context } from 'hono'
import type { RefusalCode } from '../core/arbiter.ts'
import type { ResolveRefusal } from '../core/planner.ts'

/** Codes are stable, texts are not. */
export const STATUS = {
  'invalid-request': 400,
  'invalid-site': 400,
  'malformed-json': 400,
  'idempotency-key-missing': 400,
  unauthorized: 401,
  forbidden: 403,
  'enrolment-refused': 403,
  'not-found': 404,
  'unknown-site': 404,
  'unknown-server': 404,
  'unknown-management-server': 404,
  'unknown-system': 404,
  'unknown-cluster': 404,
  'unknown-reset': 404,
  'unknown-operation': 404,
  'unknown-exercise': 404,
  'unknown-pdu': 404,
  'unknown-token': 404,
  'method-not-allowed': 405,
  'ambiguous-system': 409,
  'guest-reset-unavailable': 409,
  'unknown-requester': 409,
  'requester-is-target': 409,
  'requester-being-reset': 409,
  'requester-reset-complete': 409,
  'reset-already-open': 409,
  'pair-guard': 409,
  'site-not-configured': 409,
  'no-seal-key': 409,
  'no-feeds': 409,
  'too-few-feeds': 409,
  'no-soft-method': 409,
  'operation-in-progress': 409,
  'test-in-progress': 409,
  'own-management-server': 409,
  'no-agent-connected': 409,
  'key-expired': 409,
  'key-used': 409,
  'range-too-large': 409,
  'length-required': 411,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'idempotency-key-reused': 422,
  'upgrade-required': 426,
  internal: 500,
  'database-unavailable': 503,
  'hub-unavailable': 503,
  misconfigured: 503,
  'not-ready': 503,
} as const satisfies Record<string, number> & Record<RefusalCode | ResolveRefusal['code'], number>

export type ErrorCode = keyof typeof STATUS
type StatusOf<C extends ErrorCode> = (typeof STATUS)[C]

const TITLE: Record<(typeof STATUS)[ErrorCode], string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  411: 'Length Required',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

const fieldFaultSchema = z
  .object({
    pointer: z.string().openapi({ description: 'JSON pointer (RFC 6901) to the bad field' }),
    detail: z.string(),
    field: z.string().optional(),
    value: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
    allowed: z.string().optional(),
  })
  .openapi('FieldFault')
export type FieldFault = z.infer<typeof fieldFaultSchema>

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().openapi({ description: 'Stable; the words around it are not' }),
    detail: z.string().optional(),
    errors: z.array(fieldFaultSchema).optional(),
    result: z
      .enum(['FAIL', 'ERROR'])
      .optional()
      .openapi({ description: 'Of a refused reset: the answer in the words of the reset log' }),
    reset: z.string().optional().openapi({ description: 'The open reset that stands in the way' }),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problemSchema>

export interface ErrorExtras {
  errors?: FieldFault[] | undefined
  result?: 'FAIL' | 'ERROR' | undefined
  reset?: string | undefined
  headers?: Record<string, string> | undefined
  cause?: unknown
}

/** Ends a request. `detail` is shown to the caller. */
export class ApiError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly extras: ErrorExtras

  constructor(code: ErrorCode, detail: string, extras: ErrorExtras = {}) {
    super(`${code}: ${detail}`, { cause: extras.cause })
    this.name = 'ApiError'
    this.code = code
    this.detail = detail
    this.extras = extras
  }
}

export function problemResponse(c: Context, error: ApiError): Response {
  const { problem, status, headers } = problemOf(error)
  return c.json(problem, status, headers)
}

/** The same answer for where no app answers. */
export function bareProblemResponse(error: ApiError): Response {
  const { problem, status, headers } = problemOf(error)
  return new Response(JSON.stringify(problem), { status, headers })
}

function problemOf({ code, detail, extras }: ApiError) {
  const status = STATUS[code]
  const problem: Problem = {
    type: 'about:blank',
    title: TITLE[status],
    status,
    code,
    detail,
    ...(extras.errors ? { errors: extras.errors } : {}),
    ...(extras.result ? { result: extras.result } : {}),
    ...(extras.reset ? { reset: extras.reset } : {}),
  }
  const headers = { 'content-type': 'application/problem+json', ...extras.headers }
  return { problem, status, headers }
}

interface ProblemContent {
  description: string
  content: { 'application/problem+json': { schema: typeof problemSchema } }
}

/** The responses of a route that may end with these codes, for the OpenAPI document. */
export function problems<C extends ErrorCode>(
  ...codes: C[]
): { [Status in StatusOf<C>]: ProblemContent } {
  const described = new Map<number, string[]>()
  for (const code of codes) {
    described.set(STATUS[code], [...(described.get(STATUS[code]) ?? []), code])
  }
  return Object.fromEntries(
    [...described].map(([status, list]) => [
      status,
      {
        description: list.map((code) => `\`${code}\``).join(', '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  ) as { [Status in StatusOf<C>]: ProblemContent }
}

const FAULTS_MAX = 50

export function faultsOf(error: z.ZodError): FieldFault[] {
  return error.issues.flatMap((issue) => faultsOfIssue(issue, [])).slice(0, FAULTS_MAX)
}

type Issue = z.core.$ZodIssue

function faultsOfIssue(issue: Issue, above: readonly PropertyKey[]): FieldFault[] {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerTo([...path, key]),
      detail: 'there is no such field here',
    }))
  }
  if (issue.code === 'invalid_union') {
    // Of several forms the one that was probably meant: the one with the fewest faults.
    const [closest] = [...issue.errors].sort((a, b) => a.length - b.length)
    const within = (closest ?? []).flatMap((inner) => faultsOfIssue(inner, path))
    if (within.length > 0) return within
  }
  return [{ pointer: pointerTo(path), detail: issue.message }]
}

function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${escapePointer(String(part))}`).join('')
}

function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** For the log. A failed query's own message repeats its parameters, so only what caused it is told. */
export function describeError(error: unknown): Record<string, unknown> {
  if (error instanceof DrizzleQueryError) return { failed: 'query', ...describeError(error.cause) }
  if (!(error instanceof Error)) return { error: 'not an error' }
  return {
    error: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}

/** When to ask again, in seconds: a database that was restarted is back by then. */
const RETRY_AFTER_S = 2
/** In the words of the driver and of Postgres: it is not there, goes or comes, is out of room or too slow. */
const DATABASE_AWAY =
  /^(E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND)|ENOENT|CONNECT_TIMEOUT|CONNECTION_\w+|08\w{3}|53\w{3}|57014|57P0[1-4])$/
/** The Workers runtime gives no code, only these words. */
const CONNECTION_LOST =
  /^(jsg\.Error: )?(connection attempt failed|Network connection lost\.|proxy request failed, cannot connect to the specified address)/

export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('code' in error && DATABASE_AWAY.test(String(error.code))) return true
  if (CONNECTION_LOST.test(error.message)) return true
  return isDatabaseAway(error.cause)
}

/** What was asked may have been stored before the database went: only its key makes asking again safe. */
export function databaseUnavailable(cause: Error): ApiError {
  const detail =
    'the database does not answer; ask again, with the same Idempotency-Key if there was one'
  return new ApiError('database-unavailable', detail, {
    headers: { 'retry-after': String(RETRY_AFTER_S) },
    cause,
  })
}
