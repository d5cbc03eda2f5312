// The shapes of a site in answers: document, apply report, status (spec api.md; domain.md §5).
import { z } from '@hono/zod-openapi'

const instant = z.string().openapi({ example: '2026-01-31T09:00:00.000000Z' })

export const siteItemSchema = z
  .object({ name: z.string(), revision: z.number().int(), appliedAt: instant.nullable() })
  .openapi('SiteItem')

/** Its rules are those of `core/limits.ts`, which name field, value and what is allowed. */
export const siteDocumentSchema = z
  .looseObject({
    apiVersion: z.literal('palisade/v1'),
    kind: z.literal('Site'),
    metadata: z.looseObject({ name: z.string() }),
    spec: z.looseObject({}),
    revision: z.number().int(),
  })
  .openapi('Site')

const subject = z.enum(['site', 'managementServer', 'pdu', 'server', 'cluster'])

export const applyReportSchema = z
  .object({
    result: z.enum(['completed', 'failed']),
    dryRun: z.boolean(),
    revision: z.number().int(),
    summary: z.array(
      z.object({
        subject,
        success: z.number().int(),
        total: z.number().int(),
        result: z.enum(['Success', 'Failed']),
      }),
    ),
    changes: z.array(
      z.object({
        subject,
        name: z.string(),
        operation: z.enum(['Add', 'Delete', 'Change']),
        result: z.enum(['Success', 'Error']),
        reason: z
          .enum(['not-while-running', 'reset-in-progress', 'device-state', 'invalid'])
          .optional(),
        detail: z.string().optional(),
      }),
    ),
    warnings: z.array(z.object({ code: z.string(), subject: z.string(), detail: z.string() })),
    agents: z.array(
      z.object({
        name: z.string(),
        result: z.enum(['Change', 'No Change']),
        revision: z.number().int().openapi({ description: 'That the agent says it holds' }),
      }),
    ),
  })
  .openapi('ApplyReport')

const value = z
  .object({
    value: z.string(),
    readAt: instant.nullable(),
    stale: z.literal(true).optional(),
    detail: z.string().optional(),
  })
  .openapi('LastKnown')

const role = z.enum(['active', 'standby', '---'])

export const agentSchema = z
  .object({
    name: z.string(),
    role,
    connected: z.boolean(),
    heardAt: instant.nullable(),
    version: z.string().nullable(),
    revision: z.number().int(),
    rolledBack: z.boolean(),
  })
  .openapi('Agent')

export const statusSchema = z
  .object({
    site: z.string(),
    revision: z.number().int(),
    mode: z.enum(['redundant', 'single']),
    peerLink: value,
    agents: z.array(agentSchema),
    managementServers: z.array(
      z.object({
        name: z.string(),
        bmcAddress: z.string().nullable(),
        role,
        state: value,
        bmc: value,
        pdu: value,
        wiring: value,
      }),
    ),
    servers: z.array(
      z.object({
        name: z.string(),
        bmcAddress: z.string(),
        power: value,
        bmc: value,
        pdu: value,
        esxi: value,
        identity: value,
        wiring: value.openapi({
          description: 'Of its feeds: proven or unproven since their last change',
        }),
      }),
    ),
    pdus: z.array(
      z.object({
        name: z.string(),
        address: z.string(),
        model: z.string(),
        modelRead: value,
        firmware: value,
        link: value,
        outlets: z.array(
          z.object({
            outlet: z.number().int(),
            state: value,
            class: z.enum(['P', 'M']),
            owner: z.string(),
          }),
        ),
      }),
    ),
    systems: z.array(
      z.object({
        cluster: z.string(),
        number: z.number().int(),
        name: z.string(),
        server: z.string(),
        guest: z.string().nullable(),
        state: value,
        address: z.string(),
        port: z.number().int(),
        pair: z.string(),
      }),
    ),
  })
  .openapi('Status')
