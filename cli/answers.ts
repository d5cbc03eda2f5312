// The answers of the API as far as commands show them. Fields that a newer control plane adds are kept for
// `--json` and otherwise passed over.
import { z } from 'zod'

export const anyObject = z.looseObject({})

export const valueSchema = z.looseObject({
  value: z.string(),
  readAt: z.string().nullish(),
  stale: z.boolean().optional(),
  detail: z.string().optional(),
})
export type ShownValue = z.infer<typeof valueSchema>

export const sitesSchema = z.looseObject({
  items: z.array(z.looseObject({ name: z.string() })),
  nextCursor: z.string().nullish(),
})

const agentSchema = z.looseObject({
  name: z.string(),
  role: z.string(),
  connected: z.boolean(),
  heardAt: z.string().nullish(),
  version: z.string().nullish(),
  revision: z.number(),
  rolledBack: z.boolean().optional(),
})
export type ShownAgent = z.infer<typeof agentSchema>

export const statusSchema = z.looseObject({
  site: z.string(),
  revision: z.number(),
  mode: z.string(),
  peerLink: valueSchema,
  agents: z.array(agentSchema),
  managementServers: z.array(
    z.looseObject({
      name: z.string(),
      bmcAddress: z.string().nullish(),
      role: z.string(),
      state: valueSchema,
      bmc: valueSchema,
      pdu: valueSchema,
    }),
  ),
  servers: z.array(
    z.looseObject({
      name: z.string(),
      power: valueSchema,
      bmc: valueSchema,
      pdu: valueSchema,
      esxi: valueSchema,
      wiring: valueSchema.optional(),
    }),
  ),
  pdus: z.array(
    z.looseObject({
      name: z.string(),
      address: z.string(),
      /** The row of the model table, and what the device says that it is. */
      model: z.string(),
      modelRead: valueSchema,
      firmware: valueSchema,
      link: valueSchema,
      outlets: z.array(
        z.looseObject({
          outlet: z.number(),
          state: valueSchema,
          class: z.string(),
          owner: z.string(),
        }),
      ),
    }),
  ),
  systems: z.array(
    z.looseObject({
      cluster: z.string(),
      number: z.number(),
      name: z.string(),
      server: z.string(),
      guest: z.string().nullish(),
      state: valueSchema,
      address: z.string(),
      port: z.number(),
      pair: z.union([z.string(), z.number()]).nullish(),
    }),
  ),
})
export type SiteStatus = z.infer<typeof statusSchema>

export const applyReportSchema = z.looseObject({
  result: z.string(),
  revision: z.number().optional(),
  summary: z.array(
    z.looseObject({
      subject: z.string(),
      success: z.number(),
      total: z.number(),
      result: z.string(),
    }),
  ),
  changes: z.array(
    z.looseObject({
      subject: z.string(),
      name: z.string(),
      operation: z.string(),
      result: z.string(),
      reason: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
  warnings: z
    .array(z.looseObject({ code: z.string(), subject: z.string(), detail: z.string() }))
    .optional(),
  agents: z.array(
    z.looseObject({ name: z.string(), result: z.string(), revision: z.number().nullish() }),
  ),
})
export type ShownReport = z.infer<typeof applyReportSchema>

const stepSchema = z.looseObject({
  seq: z.number(),
  kind: z.string(),
  direction: z.string(),
  at: z.string(),
  agent: z.string(),
  detail: z.looseObject({
    pdu: z.string().optional(),
    outlet: z.number().optional(),
    switch: z.string().optional(),
    action: z.string().optional(),
    state: z.string().nullish(),
    address: z.string().optional(),
    port: z.number().optional(),
    number: z.number().nullish(),
    error: z.string().nullish(),
  }),
})
export type ShownStep = z.infer<typeof stepSchema>

export const resetSchema = z.looseObject({
  id: z.string(),
  site: z.string(),
  server: z.string(),
  system: z.number().nullish(),
  mode: z.string(),
  reason: z.string(),
  requestedBy: z.string(),
  status: z.string(),
  result: z.string().nullish(),
  fenced: z.boolean(),
  grade: z.string().nullish(),
  evidence: z.array(z.looseObject({ source: z.string(), said: z.string(), at: z.string() })),
  recovery: z.string(),
  requestedAt: z.string(),
  fencedAt: z.string().nullish(),
  endedAt: z.string().nullish(),
  code: z.string().nullish(),
  detail: z.string().nullish(),
  steps: z.array(stepSchema),
})
export type ShownReset = z.infer<typeof resetSchema>

export const resetsSchema = z.looseObject({
  items: z.array(resetSchema),
  nextCursor: z.string().nullish(),
})

export const operationSchema = z.looseObject({
  id: z.string(),
  server: z.string().optional(),
  status: z.string(),
  code: z.string().nullish(),
  detail: z.string().nullish(),
  warnings: z.array(z.string()).optional(),
  feeds: z
    .array(
      z.looseObject({
        pdu: z.string(),
        outlet: z.number(),
        verdict: z.string(),
        loss: z
          .looseObject({
            server: z.string(),
            sensor: z.number(),
            lostAt: z.string(),
            returnedAt: z.string().optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  softResetMs: z.number().nullish(),
  startedAt: z.string().nullish(),
  endedAt: z.string().nullish(),
  steps: z.array(stepSchema),
})

export const exerciseSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  code: z.string().nullish(),
  detail: z.string().nullish(),
  machines: z.array(
    z.looseObject({
      name: z.string(),
      class: z.string(),
      status: z.string(),
      test: z.string().nullish(),
      code: z.string().nullish(),
      detail: z.string().nullish(),
      outlets: z.array(
        z.looseObject({
          pdu: z.string(),
          outlet: z.number(),
          verdict: z.string(),
          loss: z.looseObject({ server: z.string(), sensor: z.number() }).optional(),
        }),
      ),
    }),
  ),
  leftS: z.number(),
  warnings: z.array(z.string()).optional(),
})
export type ShownExercise = z.infer<typeof exerciseSchema>

export const softResetTimesSchema = z.looseObject({
  server: z.string(),
  hardResetAfterMs: z.number(),
  times: z.array(z.looseObject({ order: z.string(), at: z.string(), tookMs: z.number() })),
  recommended: z
    .looseObject({
      maxMs: z.number(),
      marginMs: z.number(),
      hardResetAfterMs: z.number().nullable(),
    })
    .nullable(),
})
export type ShownTimes = z.infer<typeof softResetTimesSchema>

export type ShownOperation = z.infer<typeof operationSchema>
