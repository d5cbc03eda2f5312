// An agent's first word with its control plane: shows the one-time token, and pins the control plane's key by
// the fingerprint that the token carries. Certificates and their dates decide nothing here.
import { join } from 'node:path'
import { type Dispatcher, request } from 'undici'
import { z } from 'zod'
import {
  ENROLMENT_PATH,
  type EnrolmentRequest,
  type EnrolmentResponse,
  enrolmentResponseSchema,
  parseEnrolmentToken,
} from '../protocol/enrolment.ts'
import { printable } from '../protocol/jws.ts'
import { thumbprint } from '../protocol/keys.ts'
import { readText, replaceFile } from './durable-file.ts'
import type { Identity } from './identity.ts'

const FILE = 'enrolment.json'
const ANSWER_MAX = 262_144
const TIMEOUT_MS = 10_000

const enrolmentSchema = enrolmentResponseSchema.extend({ url: z.string() })
/** What an agent knows of its control plane, for good. */
export type Enrolment = z.infer<typeof enrolmentSchema>

/** Says what went wrong and what to do next. Never holds the token. */
export class EnrolmentError extends Error {
  override readonly name = 'EnrolmentError'
}

export interface EnrolmentOptions {
  identity: Identity
  /** Base URL of the control plane. */
  url: string
  token: string
  name: string
  version: string
  /** For a control plane with a certificate of an own authority. */
  dispatcher?: Dispatcher
  /** Lets the token travel unencrypted to another machine. */
  allowPlainHttp?: boolean
}

/** Undefined for an agent that was never enrolled. */
export async function readEnrolment(directory: string): Promise<Enrolment | undefined> {
  const path = join(directory, FILE)
  const text = await readText(path)
  if (text === undefined) return undefined
  const parsed = enrolmentSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new EnrolmentError(`${path} is damaged; move the directory away and enrol this agent anew`)
}

/** Enrols and stores what was learnt. Throws `EnrolmentError`; nothing is stored then. */
export async function enrol(options: EnrolmentOptions): Promise<Enrolment> {
  const { identity, name, version } = options
  const known = await readEnrolment(identity.directory)
  if (known !== undefined) {
    throw new EnrolmentError(
      `already enrolled as ${known.name} of site ${known.site}; to enrol anew, move ${identity.directory} away`,
    )
  }
  const token = parseEnrolmentToken(options.token)
  if (token === undefined) {
    throw new EnrolmentError('token must look like ple_SECRET.FINGERPRINT; copy the whole of it')
  }
  const base = baseUrl(options)
  const { signKey, sealKey, siteKey } = identity
  const text = options.token.trim()
  const body = { token: text, name, signKey, sealKey, siteKey, version }
  const answer = await ask(base, body, options.dispatcher)
  const controlPlaneKeys = []
  for (const jwk of answer.controlPlaneKeys) {
    // Only the fingerprint in the token vouches for a key.
    if ((await thumbprint(jwk)) === token.fingerprint) controlPlaneKeys.push(jwk)
  }
  if (controlPlaneKeys.length === 0) {
    throw new EnrolmentError(
      `${base} answered with another key than the token names: the token is of another control plane, or ` +
        'someone is in between. Look at the URL, make a new token there, and compare fingerprints',
    )
  }
  const enrolment = { ...answer, controlPlaneKeys, url: base }
  await replaceFile(identity.directory, FILE, `${JSON.stringify(enrolment)}\n`)
  return enrolment
}

function baseUrl({ url, allowPlainHttp = false }: EnrolmentOptions): string {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new EnrolmentError(`url ${printable(url)}: must begin with https:// (or http://)`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new EnrolmentError('url: must carry no account; the token is all that is needed')
  }
  const local = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname)
  if (parsed.protocol === 'http:' && !local && !allowPlainHttp) {
    throw new EnrolmentError(
      `url ${printable(url)}: the token would travel unencrypted; use https:// (http:// is for this machine only)`,
    )
  }
  return parsed.href.replace(/\/+$/, '')
}

async function ask(
  base: string,
  body: EnrolmentRequest,
  dispatcher: Dispatcher | undefined,
): Promise<EnrolmentResponse> {
  let status: number
  let text: string
  try {
    const response = await request(`${base}${ENROLMENT_PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    })
    status = response.statusCode
    text = await bounded(response.body)
  } catch (cause) {
    throw new EnrolmentError(
      `no answer from ${base} (${causeOf(cause)}); look at the URL and the way to it, then try again with ` +
        'the same token',
      { cause },
    )
  }
  if (status < 200 || status > 299) throw new EnrolmentError(refusal(status, text, body, base))
  const parsed = enrolmentResponseSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new EnrolmentError(
    `${base} is not a control plane that this version (${body.version}) knows`,
  )
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > ANSWER_MAX) throw new Error(`answer is longer than ${ANSWER_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const problemSchema = z.object({ code: z.string().optional(), detail: z.string().optional() })

function refusal(status: number, text: string, body: EnrolmentRequest, base: string): string {
  const problem = problemSchema.safeParse(parseJson(text))
  const said = problem.success ? (problem.data.detail ?? problem.data.code ?? '') : ''
  // A server that echoes its input must not bring the token into a log.
  const shown = said.includes('ple_') ? '' : printable(said)
  const answered = `${base} answered ${status}${shown === '' ? '' : ` (${shown})`}`
  if (status === 401 || status === 403 || status === 410) {
    return `${answered}: the token is unknown, used or expired; make a new one`
  }
  if (status === 409) {
    return `${answered}: the name ${body.name} cannot be taken; choose the name of a management server of the site that has no agent yet, or remove its old agent`
  }
  if (status === 404) return `${answered}: this is not the base URL of a control plane`
  if (status >= 500) return `${answered}: try again later with the same token`
  return `${answered}: look at the name and at the versions on both sides`
}

function causeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : printable(cause.message)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
