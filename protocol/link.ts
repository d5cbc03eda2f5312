// The messages on the one WebSocket between an agent and its hub. The agent dials out; the hub opens with
// a challenge, so that no clock has to be right for the two to know each other.
import { z } from 'zod'
import { REVISION_MAX, recordSchema } from './report.ts'
import { PROTOCOL_VERSION } from './version.ts'

/** Where the WebSocket is opened, with the query parameters `site` and `agent`. */
export const LINK_PATH = '/v1/agents/link'

/** JWS `typ` of the agent's answer to the challenge. */
export const HELLO_TYPE = 'palisade-hello+jwt'
/** JWS `typ` of the signed head of a batch of records. */
export const HEAD_TYPE = 'palisade-head+jwt'
/** JWS `typ` of a signed site document. */
export const SITE_TYPE = 'palisade-site+jwt'

const v = z.literal(PROTOCOL_VERSION)

/** Claims of the signed hello. */
export const helloSchema = z.object({
  v,
  site: z.string(),
  agent: z.string(),
  nonce: z.string(),
  start: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
  /** Sequence of the newest record in its journal; 0 when empty. */
  head: z.number().int().nonnegative(),
  /** Of the site document that it holds; 0 for none. */
  revision: z.number().int().nonnegative().max(REVISION_MAX),
  version: z.string(),
})
export type Hello = z.infer<typeof helloSchema>

/** Claims of the signed head: all records of this agent up to and including `seq` hash into `hash`. */
export const headSchema = z.object({
  v,
  site: z.string(),
  agent: z.string(),
  seq: z.number().int().positive(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
})
export type Head = z.infer<typeof headSchema>

/** Claims of the signed site document; `document` is the site document with sealed credentials. */
export const signedSiteSchema = z.object({
  v,
  site: z.string(),
  revision: z.number().int().positive().max(REVISION_MAX),
  document: z.unknown(),
})

/** Bytes of a site document as JSON: signed, it must be a token that an agent looks at (`TOKEN_MAX`). */
export const SITE_JSON_MAX = 3_000_000

export const BATCH_RECORDS_MAX = 200
/** Of a report's records as JSON; a single record may be longer. A hub's platform bounds messages to 1 MiB. */
export const BATCH_CHARACTERS_MAX = 500_000

/** The ping and its answer as exact texts: a sleeping hub's platform answers without waking it. */
export const PING_TEXT = '{"type":"ping"}'
export const PONG_TEXT = '{"type":"pong"}'

export const fromAgentSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), token: z.string() }),
  z.object({
    type: z.literal('report'),
    records: z.array(recordSchema).max(BATCH_RECORDS_MAX),
    head: z.string(),
  }),
  /** The order is in the journal, as accepted or refused: the hub need not send it again. */
  z.object({ type: z.literal('journalled'), order: z.string() }),
  z.object({ type: z.literal('ping') }),
])
export type FromAgent = z.infer<typeof fromAgentSchema>

/** `nowMs` is the hub's clock, epoch ms: the only time by which an order's expiry is judged. */
export const fromHubSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('challenge'), v: z.number(), nonce: z.string(), nowMs: z.number() }),
  /** `received`: the newest sequence up to which every record of this agent is stored. */
  z.object({ type: z.literal('welcome'), received: z.number().int(), nowMs: z.number() }),
  z.object({ type: z.literal('site'), token: z.string(), nowMs: z.number() }),
  z.object({ type: z.literal('order'), token: z.string(), nowMs: z.number() }),
  z.object({ type: z.literal('received'), seq: z.number().int(), nowMs: z.number() }),
  /** Without a time when the platform answers for a hub that sleeps. */
  z.object({ type: z.literal('pong'), nowMs: z.number().optional() }),
])
export type FromHub = z.infer<typeof fromHubSchema>
