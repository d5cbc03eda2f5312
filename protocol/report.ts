// What an agent reports: the records of its journal, hash-chained per agent (spec redundancy.md,
// "Journal replication"). The control plane stores every one, in any order, as often as it comes.
import { z } from 'zod'
import { FEED_VERDICTS, OPERATIONS, PDU_TEST_MODES } from '../core/operation.ts'
import { GRADES, RESULTS } from '../core/outcome.ts'
import { RESET_MODES } from '../core/plan.ts'
import { PROTOCOL_VERSION } from './version.ts'

/** Revisions of a site document are counted in 32 bits. */
export const REVISION_MAX = 2_147_483_647
/** Bounds what one record may carry, so that a hostile order cannot fill a journal. */
export const ORDER_TOKEN_MAX = 32_768

const orderId = z.string().regex(/^(rst|opr)_[0-9a-z]{26}$/)
const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
const detail = z.string().max(2000)
export const systemAddressSchema = z.object({
  cluster: z.string(),
  number: z.number().int(),
  address: z.string(),
  port: z.number().int(),
})

export const planSchema = z.object({
  server: z.string(),
  kind: z.enum(['P', 'V']),
  system: systemAddressSchema.optional(),
  mode: z.enum(RESET_MODES),
  softMethod: z.enum(['nmi', 'none']),
  hardMethod: z.enum(['reset', 'off-on']),
  hardResetAfterMs: z.number().int(),
  hardResetTimeoutMs: z.number().int(),
  feeds: z.array(z.object({ pdu: z.string(), pduAddress: z.string(), outlet: z.number().int() })),
  pduRecoveryWaitMs: z.number().int(),
  holdUpMs: z.number().int(),
  requireGrade: z.enum(['acknowledged', 'confirmed']),
  bmc: z.object({ address: z.string(), port: z.number().int() }),
})

export const requestSchema = z.object({
  server: z.string(),
  system: z.object({ cluster: z.string(), number: z.number().int() }).optional(),
  requester: systemAddressSchema.optional(),
  mode: z.enum(RESET_MODES),
  reason: z.string().max(500),
  requestedBy: z.string().max(200),
  requestedAt: instant,
})
/** Who asked for what, as it stands in the audit. */
export type ResetRequest = z.infer<typeof requestSchema>

const outletSchema = z.object({ pdu: z.string(), outlet: z.number().int() })

const shotSchema = z.object({
  id: z.number().int().positive(),
  rung: z.enum(['soft', 'hard', 'off', 'pdu', 'on']),
  device: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('bmc') }),
    z.object({ kind: z.literal('outlet'), pdu: z.string(), outlet: z.number().int() }),
  ]),
  action: z.enum(['nmi', 'reset', 'off', 'on']),
})

const evidenceSchema = z.object({ source: z.string(), said: detail, at: instant })

const conclusionSchema = z.object({
  result: z.enum(RESULTS),
  fenced: z.boolean(),
  grade: z.enum(GRADES),
  evidence: z.array(evidenceSchema),
  detail: detail.optional(),
})

export const pduTestSchema = z.object({
  mode: z.enum(PDU_TEST_MODES),
  pdu: z.string().optional(),
  offTimeMs: z.number().int().min(5000).max(60_000),
  waitTimeMs: z.number().int().min(5000).max(60_000),
  leaveUp: z.boolean(),
  exercise: z
    .object({
      id: z.string().regex(/^exr_[0-9a-z]{26}$/),
      offTimeMs: z.number().int(),
      trustUnregistered: z.boolean(),
    })
    .optional(),
})

export const operationTargetSchema = z.object({
  /** Name of a server or management server. */
  server: z.string(),
  /** Of a management server. */
  class: z.literal('M').optional(),
})

const feedFindingSchema = outletSchema.extend({
  verdict: z.enum(FEED_VERDICTS),
  loss: z
    .object({
      server: z.string(),
      sensor: z.number().int(),
      what: z.string().max(200),
      lostAt: instant,
      returnedAt: instant.optional(),
    })
    .optional(),
})

/** Monotonic ms and the boot they count in: a restarted agent of the same boot goes on by them. */
const mono = z.object({ bootId: z.string(), ms: z.number() })

export const bodySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started'), version: z.string(), bootId: z.string() }),
  z.object({
    kind: z.literal('configured'),
    revision: z.number().int().max(REVISION_MAX),
    detail,
  }),
  z.object({
    kind: z.literal('accepted'),
    order: orderId,
    /** The signed order itself: a row that the control plane lost is made again from it. */
    token: z.string().max(ORDER_TOKEN_MAX).nullable(),
    request: requestSchema,
    plan: planSchema,
    /** What was known then and shapes the ladder: a stop notice just heard, an earlier effect still loose. */
    recentNotice: z.literal(true).optional(),
    loose: z.literal(true).optional(),
    /** When a test proved the wiring of the plan's feeds. */
    wiringProvenAt: instant.optional(),
    /** Feeds that a test, ended by this reset, had switched off. */
    leftOff: z.array(outletSchema).optional(),
    mono,
  }),
  z.object({
    kind: z.literal('refused'),
    /** Null when the order could not even be read. */
    order: orderId.nullable(),
    token: z.string().max(ORDER_TOKEN_MAX).nullable(),
    code: z.string().max(60),
    result: z.enum(['FAIL', 'ERROR']).nullable(),
    detail,
    request: requestSchema.nullable(),
  }),
  z.object({ kind: z.literal('intent'), order: orderId, shot: shotSchema, mono }),
  z.object({
    kind: z.literal('answer'),
    order: orderId,
    shot: z.number().int().positive(),
    answer: z.enum(['accepted', 'refused', 'lost', 'unreachable']),
    detail,
    mono,
  }),
  z.object({
    kind: z.literal('noticed'),
    /** The open order that it belongs to, if any. */
    order: orderId.nullable(),
    server: z.string(),
    system: systemAddressSchema,
    /** Where the datagram came from. */
    address: z.string(),
    port: z.number().int(),
    mono,
  }),
  z.object({
    kind: z.literal('concluded'),
    order: orderId,
    conclusion: conclusionSchema,
    mono,
  }),
  z.object({
    kind: z.literal('recovery'),
    order: orderId,
    recovery: z.enum(['none', 'waiting', 'restored', 'partial', 'failed', 'held']),
    detail,
    mono,
  }),
  z.object({ kind: z.literal('ended'), order: orderId }),
  /** A loose effect about which a later answer of its device has told. */
  z.object({
    kind: z.literal('settled'),
    order: orderId,
    shot: z.number().int().positive(),
    detail,
  }),
  z.object({
    kind: z.literal('operation'),
    order: orderId,
    operation: z.enum(OPERATIONS),
    target: operationTargetSchema,
    /** Of a soft-reset test: the system that is to stop. */
    system: systemAddressSchema.optional(),
    feeds: planSchema.shape.feeds,
    /** Of a PDU test. */
    test: pduTestSchema.optional(),
    requestedBy: z.string().max(200),
    token: z.string().max(ORDER_TOKEN_MAX).nullable(),
    mono,
  }),
  z.object({
    kind: z.literal('operation-ended'),
    order: orderId,
    status: z.enum(['done', 'failed', 'aborted']),
    code: z.string().max(60).optional(),
    detail,
    feeds: z.array(feedFindingSchema).optional(),
    wiringProven: z.boolean().optional(),
  }),
  /** A transition of something watched; polls are never reported (spec architecture.md, decision 4). */
  z.object({
    kind: z.literal('observed'),
    subject: z.enum(['server', 'managementServer', 'pdu', 'outlet', 'system']),
    /** Name; for an outlet `PDU/NUMBER`, for a system `CLUSTER/NUMBER`. */
    name: z.string(),
    attribute: z.enum([
      'power',
      'bmc',
      'pdu',
      'link',
      'state',
      'identity',
      'model',
      'firmware',
      'wiring',
      'reset',
    ]),
    /** In the words of domain.md §5. */
    value: z.string().max(200),
    detail,
    readAt: instant,
  }),
  z.object({
    kind: z.literal('alarm'),
    code: z.string().max(60),
    subject: z.string().max(200),
    detail,
    raised: z.boolean(),
  }),
])
export type Body = z.infer<typeof bodySchema>
export type BodyOf<K extends Body['kind']> = Extract<Body, { kind: K }>

const chainSchema = z.object({
  v: z.literal(PROTOCOL_VERSION),
  site: z.string(),
  agent: z.string(),
  /** Counts the starts of this agent, from 1. */
  start: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
  /** Counts the records of this agent, from 1, over all its starts. */
  seq: z.number().int().positive(),
  /** Hash of the record before, 64 hex digits; of the first one 64 zeros. */
  prev: z.string().regex(/^[0-9a-f]{64}$/),
  at: instant,
})

export const recordSchema = z.intersection(chainSchema, bodySchema)
export type JournalRecord = z.infer<typeof chainSchema> & Body
export type RecordOf<K extends Body['kind']> = z.infer<typeof chainSchema> & BodyOf<K>
