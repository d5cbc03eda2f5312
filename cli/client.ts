// The REST API as the commands use it. Reads may be sent again; what acts carries one Idempotency-Key over
// all its attempts, so that a lost answer never makes it happen twice.
import { z } from 'zod'
import { SOFTWARE_VERSION } from '../protocol/version.ts'
import { CommandError, EXIT, type ShownFault, usageError } from './exit.ts'
import { nextFor } from './next-step.ts'
import type { World } from './world.ts'

const DEFAULT_URL = 'http://127.0.0.1:8787'
const ANSWER_TIMEOUT_MS = 30_000
const STREAM_TIMEOUT_MS = 3_600_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const REFUSAL_BYTES_MAX = 1_000_000
/** Waits between the attempts of one request. */
const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 4000]
/** Nothing was sent when one of these ends an attempt. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  query?: Query
  body?: unknown
  /** Sent as Idempotency-Key. */
  key?: string
  /** Beyond the time that an answer may take anyway. */
  waitMs?: number
  signal?: AbortSignal
}

const problemSchema = z.looseObject({
  code: z.string(),
  status: z.number().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
  reset: z.string().optional(),
  errors: z
    .array(
      z.looseObject({
        pointer: z.string(),
        detail: z.string(),
        value: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
        allowed: z.string().optional(),
      }),
    )
    .optional(),
})

/** The control plane said no, in so many words. */
export class Refusal extends CommandError {
  /** The open reset that stands in the way. */
  readonly reset: string | undefined

  constructor(status: number, problem: z.infer<typeof problemSchema>) {
    const faults: ShownFault[] | undefined = problem.errors
    const exit = status >= 500 ? EXIT.failed : EXIT.refused
    super(exit, problem.detail ?? problem.title ?? problem.code, {
      code: problem.code,
      status,
      faults,
      next: nextFor(problem.code),
    })
    this.name = 'Refusal'
    this.reset = problem.reset
  }
}

/** No answer came. `sent` is false when it is certain that nothing reached the control plane. */
export class NoAnswer extends CommandError {
  readonly sent: boolean

  constructor(url: string, sent: boolean, cause: unknown) {
    super(EXIT.failed, `no answer from ${url}: ${reasonOf(cause)}`, {
      code: 'no-answer',
      next: 'see that the control plane runs and that PALISADE_URL names it',
      cause,
    })
    this.name = 'NoAnswer'
    this.sent = sent
  }
}

export class Client {
  readonly url: string
  readonly #token: string
  readonly #world: World

  constructor(world: World, url: string, token: string) {
    this.#world = world
    this.url = url
    this.#token = token
  }

  /** One read; tried again while no answer comes. */
  async get<T>(path: string, schema: z.ZodType<T>, request: Omit<Request, 'method'> = {}) {
    return (await this.#insist(path, schema, request)).answer
  }

  /**
   * Something that acts. The same request with the same key goes out again while no answer comes.
   *
   * @throws NoAnswer with exit code 4 when it may have arrived.
   */
  send<T>(
    path: string,
    schema: z.ZodType<T>,
    request: Request & { method: 'POST' | 'PUT' | 'DELETE' },
  ) {
    return this.#insist(path, schema, request)
  }

  /** The body as it comes, for answers of any length. */
  async *stream(path: string, query: Query): AsyncGenerator<Uint8Array> {
    const { response, done } = await this.#fetch(path, { query, waitMs: STREAM_TIMEOUT_MS })
    try {
      if (!response.ok) throw await refusalOf(response)
      for await (const chunk of response.body ?? []) yield chunk
    } catch (error) {
      throw error instanceof CommandError ? error : new NoAnswer(this.url, true, error)
    } finally {
      done()
    }
  }

  async #insist<T>(path: string, schema: z.ZodType<T>, request: Request) {
    const acts = request.method !== undefined
    let mayBeDone = false
    for (const delayMs of [...RETRY_DELAYS_MS, undefined]) {
      try {
        return await this.#once(path, schema, request)
      } catch (error) {
        const broken = error instanceof Refusal && (error.notes.status ?? 0) >= 500
        if (!broken && !(error instanceof NoAnswer)) throw error
        const mayHaveArrived = error instanceof NoAnswer ? error.sent : true
        mayBeDone ||= acts && mayHaveArrived
        if (delayMs === undefined || request.signal?.aborted) {
          throw mayBeDone ? unknownOutcome(error) : error
        }
        await this.#sleep(delayMs)
      }
    }
    throw new Error('the last attempt returns or throws')
  }

  async #once<T>(path: string, schema: z.ZodType<T>, request: Request) {
    const { response, done } = await this.#fetch(path, request)
    const { status } = response
    let body: unknown
    try {
      if (!response.ok) throw await refusalOf(response)
      body = status === 204 ? {} : await readJson(response, this.url)
    } finally {
      done()
    }
    const parsed = schema.safeParse(body)
    if (parsed.success) return { status, answer: parsed.data }
    throw new CommandError(EXIT.failed, `${path} answered in a form that is not known here`, {
      code: 'unexpected-answer',
      next: 'compare `palisade version` with the version of the control plane',
      cause: parsed.error,
    })
  }

  /** `done` ends the time limit, which covers the body as well. */
  async #fetch(path: string, request: Request): Promise<{ response: Response; done: () => void }> {
    const url = new URL(`${this.url}${path}`)
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    const timeout = new AbortController()
    const waitMs = ANSWER_TIMEOUT_MS + (request.waitMs ?? 0)
    const cancel = this.#world.clock.after(waitMs, () =>
      timeout.abort(new Error('it took too long')),
    )
    const signals = request.signal ? [timeout.signal, request.signal] : [timeout.signal]
    try {
      const response = await this.#world.fetch(url, {
        method: request.method ?? 'GET',
        // A redirect would carry the token to somebody else.
        redirect: 'error',
        signal: AbortSignal.any(signals),
        headers: this.#headers(request),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      })
      return { response, done: cancel }
    } catch (error) {
      cancel()
      throw new NoAnswer(this.url, !NEVER_SENT.has(codeOf(error)), error)
    }
  }

  #headers({ body, key }: Request): Record<string, string> {
    return {
      authorization: `Bearer ${this.#token}`,
      // The operator log shows by it which client made a change.
      'user-agent': `palisade/${SOFTWARE_VERSION}`,
      accept: 'application/json, application/problem+json, application/x-ndjson, text/plain',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': `"${key}"` }),
    }
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.clock.after(delayMs, resolve))
  }
}

/** Reads PALISADE_URL and the token; the token never comes from an argument. */
export async function connect(world: World): Promise<Client> {
  const text = world.env['PALISADE_URL'] || DEFAULT_URL
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw usageError('PALISADE_URL is no http or https address without credentials in it')
  }
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !local) {
    world.err('palisade: warning: the token crosses the network in the clear; use https\n')
  }
  return new Client(world, url.href.replace(/\/+$/, ''), await readToken(world))
}

async function readToken({ env, readText }: World): Promise<string> {
  const file = env['PALISADE_TOKEN_FILE']
  const token = (env['PALISADE_TOKEN'] || (file ? await readTokenFile(file, readText) : '')).trim()
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw usageError(
    token === '' ? 'there is no token' : 'the token holds characters that no token has',
    'set PALISADE_TOKEN, or PALISADE_TOKEN_FILE to a file that holds it',
  )
}

async function readTokenFile(path: string, readText: World['readText']): Promise<string> {
  try {
    return await readText(path)
  } catch (cause) {
    const next = 'set PALISADE_TOKEN_FILE to a file that you may read'
    const notes = { code: 'usage', next, cause }
    throw new CommandError(
      EXIT.usage,
      `cannot read the token file ${path}: ${reasonOf(cause)}`,
      notes,
    )
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const text = await readBody(response, REFUSAL_BYTES_MAX).catch(() => '')
  const parsed = problemSchema.safeParse(parseJson(text))
  const { status } = response
  if (parsed.success) return new Refusal(status, parsed.data)
  return new Refusal(status, { code: `http-${status}`, detail: `the answer was HTTP ${status}` })
}

async function readJson(response: Response, url: string): Promise<unknown> {
  try {
    return parseJson(await readBody(response, ANSWER_BYTES_MAX))
  } catch (error) {
    throw new NoAnswer(url, true, error)
  }
}

async function readBody(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unknownOutcome(error: CommandError): CommandError {
  return new CommandError(EXIT.unknown, `${error.message}; it may have been carried out`, {
    ...error.notes,
    code: 'unknown-outcome',
    cause: error,
  })
}

/** Node wraps what went wrong in a `fetch failed`. */
function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? innermost(error.cause) : error
}

function codeOf(error: unknown): string {
  const inner = innermost(error)
  return typeof inner === 'object' && inner !== null && 'code' in inner ? String(inner.code) : ''
}

export function reasonOf(error: unknown): string {
  const inner = innermost(error)
  const code = codeOf(error)
  const message = inner instanceof Error ? inner.message : 'for an unknown reason'
  return message || code
}
