// How an agent and a control plane meet for the first time: `POST /v1/agents/enroll`. The token that the
// operator carries proves the agent to the control plane by its secret, and the control plane to the agent
// by the fingerprint of its key.
import { z } from 'zod'
import { publicSealingJwkSchema, publicSigningJwkSchema } from './keys.ts'

export const ENROLMENT_PATH = '/v1/agents/enroll'

/** Names of agents: those of their management servers (spec domain.md §2). */
export const agentNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/,
    'must be 1 to 31 of A-Z a-z 0-9 - _ . and begin plain',
  )

export const enrolmentRequestSchema = z.object({
  /** The whole token as handed out. Stands in this body and nowhere else. */
  token: z.string().max(200),
  name: agentNameSchema,
  /** Signs the agent's hello, heads and votes. */
  signKey: publicSigningJwkSchema,
  /** To which a peer seals the site key's private half. */
  sealKey: publicSealingJwkSchema,
  /** Offered as the site key; taken when the site has none yet. */
  siteKey: publicSealingJwkSchema,
  version: z.string().max(60),
})
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>

export const enrolmentResponseSchema = z.object({
  site: z.string().min(1).max(200),
  name: agentNameSchema,
  controlPlaneKeys: z.array(publicSigningJwkSchema).min(1).max(10),
  /** The site key in force: the one offered, or that of the agents before. */
  siteKey: publicSealingJwkSchema,
})
export type EnrolmentResponse = z.infer<typeof enrolmentResponseSchema>

export interface EnrolmentToken {
  secret: string
  /** Thumbprint of the control plane's signing key. */
  fingerprint: string
}

const TOKEN = /^ple_([A-Za-z0-9_-]{16,120})\.([A-Za-z0-9_-]{43})$/

export function enrolmentTokenText(token: EnrolmentToken): string {
  return `ple_${token.secret}.${token.fingerprint}`
}

/** Undefined when the text is not a whole token. */
export function parseEnrolmentToken(text: string): EnrolmentToken | undefined {
  const [, secret, fingerprint] = TOKEN.exec(text.trim()) ?? []
  return secret === undefined || fingerprint === undefined ? undefined : { secret, fingerprint }
}
