// What the API shows, as schemas: one place, so that the OpenAPI document and the answers agree.
import { z } from '@hono/zod-openapi'
import { offTimeWarning } from '../core/drill/preconditions.ts'
import { FEED_VERDICTS, OPERATIONS, PDU_TEST_MODES } from '../core/operation.ts'
import { GRADES, RESULTS } from '../core/outcome.ts'
import { RESET_MODES } from '../core/plan.ts'
import type { OperationRow } from '../db/operations.ts'
import type { ResetRow } from '../db/resets.ts'
import type { ResetView } from '../protocol/reset-view.ts'

const instant = z.string().openapi({ example: '2026-01-31T09:00:00.000000Z' })

export const RESET_STATUSES = [
  'accepted',
  'soft',
  'hard',
  'pduOff',
  'complete',
  'failed',
  'refused',
  'unknown',
] as const

const stepSchema = z
  .object({
    seq: z.number().int(),
    kind: z.enum(['RM-RESET', 'SOFTRESET', 'HARDRESET', 'ATTENTION', 'IPDUSD']),
    direction: z.enum(['SEND', 'RECV']),
    at: instant,
    agent: z.string(),
    detail: z.object({
      pdu: z.string().optional(),
      outlet: z.number().int().optional(),
      switch: z.enum(['OFF', 'ON']).optional(),
      action: z.enum(['reset', 'off', 'on']).optional(),
      state: z.enum(RESULTS).nullable().optional(),
      address: z.string().optional(),
      port: z.number().int().optional(),
      number: z.number().int().nullable().optional(),
      error: z.string().nullable(),
    }),
  })
  .openapi('Step')

export const resetSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    server: z.string(),
    system: z.number().int().nullable(),
    kind: z.enum(['P', 'V']),
    mode: z.enum(RESET_MODES),
    reason: z.string(),
    requestedBy: z.string(),
    requester: z.number().int().nullable(),
    status: z.enum(RESET_STATUSES),
    result: z.enum(RESULTS).nullable(),
    fenced: z.boolean().openapi({ description: 'True once the target is certainly stopped' }),
    grade: z.enum(GRADES).exclude(['failed']).nullable(),
    evidence: z.array(z.object({ source: z.string(), said: z.string(), at: instant })),
    recovery: z.enum(['none', 'waiting', 'restored', 'partial', 'failed', 'held']),
    requestedAt: instant,
    fencedAt: instant.nullable(),
    endedAt: instant.nullable(),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    steps: z.array(stepSchema),
  })
  .openapi('Reset')

const lossSchema = z.object({
  server: z.string(),
  sensor: z.number().int(),
  what: z.string(),
  lostAt: instant,
  returnedAt: instant.optional(),
})

export const operationSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    operation: z.enum(OPERATIONS),
    server: z.string().openapi({ description: 'Name of the server or management server' }),
    class: z.enum(['P', 'M']).openapi({ description: 'P: a server, M: a management server' }),
    system: z.number().int().nullable().openapi({ description: 'Of a soft-reset test' }),
    test: z
      .object({
        mode: z.enum(PDU_TEST_MODES),
        pdu: z.string().optional(),
        offTimeMs: z.number().int(),
        waitTimeMs: z.number().int(),
        leaveUp: z.boolean(),
        exercise: z
          .object({ id: z.string(), offTimeMs: z.number().int(), trustUnregistered: z.boolean() })
          .optional()
          .openapi({ description: 'The exercise that it is part of' }),
      })
      .nullable()
      .openapi({ description: 'Of a PDU test' }),
    requestedBy: z.string(),
    requestedAt: instant,
    status: z.enum(['running', 'done', 'failed', 'aborted', 'unknown']),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    warnings: z.array(z.string()),
    feeds: z
      .array(
        z.object({
          pdu: z.string(),
          outlet: z.number().int(),
          verdict: z.enum(FEED_VERDICTS),
          loss: lossSchema.optional(),
        }),
      )
      .openapi({ description: 'Of a serial PDU test: which supply logged the loss of each feed' }),
    softResetMs: z
      .number()
      .nullable()
      .openapi({ description: 'Of a soft-reset test: from the soft request to the stop notice' }),
    startedAt: instant.nullable(),
    endedAt: instant.nullable(),
    steps: z.array(stepSchema),
  })
  .openapi('Operation')
export type OperationAnswer = z.infer<typeof operationSchema>

export const exerciseSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    status: z.enum(['planned', 'running', 'passed', 'failed', 'incomplete', 'stopped', 'unknown']),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    machines: z.array(
      z.object({
        name: z.string(),
        class: z.enum(['P', 'M']).openapi({ description: 'P: a server, M: a management server' }),
        status: z.enum(['waiting', 'running', 'passed', 'failed', 'not-tested', 'unknown']),
        test: z.string().nullable().openapi({ description: 'Id of its test' }),
        code: z.string().nullable(),
        detail: z.string().nullable(),
        outlets: z.array(
          z.object({
            pdu: z.string(),
            outlet: z.number().int(),
            verdict: z.enum([...FEED_VERDICTS, 'not-tested']),
            loss: lossSchema.optional(),
          }),
        ),
      }),
    ),
    leftS: z.number().openapi({ description: 'About how long the tests that are left take' }),
    offTimeS: z.number().int(),
    waitTimeS: z.number().int(),
    trustUnregistered: z.boolean(),
    warnings: z.array(z.string()),
    startedAt: instant.nullable(),
    endedAt: instant.nullable(),
  })
  .openapi('Exercise')

/** The stored view; this module's own writers made it. */
export function resetOf(row: Pick<ResetRow, 'view'>): ResetView {
  return row.view as ResetView
}

export function operationOf(row: Pick<OperationRow, 'view'>): OperationAnswer {
  const view = row.view as Omit<OperationAnswer, 'warnings'>
  const { test } = view
  // A serial test of a management server is never shorter.
  const warned = test && !(view.class === 'M' && test.mode === 'serial')
  const warning = warned ? offTimeWarning(test.offTimeMs / 1000) : undefined
  return { ...view, warnings: warning ? [warning] : [] }
}

/** Whether it is settled what became of the target: what a long poll waits for. */
export function isDecided(view: ResetView): boolean {
  return view.result !== null || view.endedAt !== null
}
