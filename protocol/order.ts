// What the control plane asks of a site: one signed order carries the whole ladder with its timers
// (spec architecture.md, decisions 1 and 6).
import { z } from 'zod'
import {
  operationTargetSchema,
  pduTestSchema,
  planSchema,
  requestSchema,
  systemAddressSchema,
} from './report.ts'
import { PROTOCOL_VERSION } from './version.ts'

/** JWS `typ`, so that no other token of ours can ever pass for an order. */
export const ORDER_TYPE = 'palisade-order+jwt'

const common = {
  v: z.literal(PROTOCOL_VERSION),
  /** `rst_…` or `opr_…`: hash of (site, Idempotency-Key). Known to journals, so it never runs twice. */
  id: z.string().regex(/^(rst|opr)_[0-9a-z]{26}$/),
  site: z.string(),
  /** Epoch ms by the control plane's clock. */
  issuedAtMs: z.number().int(),
  /** Epoch ms; judged by the hub's time as carried on the link. */
  expiresAtMs: z.number().int(),
  /** Of the site document that the plan was made from. */
  revision: z.number().int(),
}

export const orderSchema = z.discriminatedUnion('kind', [
  z.object({ ...common, kind: z.literal('reset'), request: requestSchema, plan: planSchema }),
  z.object({
    ...common,
    kind: z.literal('restore'),
    target: operationTargetSchema,
    feeds: planSchema.shape.feeds,
    requestedBy: z.string().max(200),
  }),
  z.object({
    ...common,
    kind: z.literal('soft-reset-test'),
    target: z.object({ server: z.string() }),
    system: systemAddressSchema,
    requestedBy: z.string().max(200),
  }),
  z.object({
    ...common,
    kind: z.literal('pdu-test'),
    target: operationTargetSchema,
    /** All feeds of the machine, also those that are not to be cut. */
    feeds: planSchema.shape.feeds,
    test: pduTestSchema,
    requestedBy: z.string().max(200),
  }),
])
export type Order = z.infer<typeof orderSchema>
export type ResetOrder = Extract<Order, { kind: 'reset' }>
export type RestoreOrder = Extract<Order, { kind: 'restore' }>
export type SoftResetTestOrder = Extract<Order, { kind: 'soft-reset-test' }>
export type PduTestOrder = Extract<Order, { kind: 'pdu-test' }>
/** Ordered acts that are not resets. */
export type OperationOrder = Exclude<Order, { kind: 'reset' }>
