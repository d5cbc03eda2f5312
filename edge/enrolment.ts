// How an agent joins a site (protocol/enrolment.ts): by a token that works once, for one hour, for one name.
import { claimEnrolment, createEnrolment, enrolAgent, listAgents } from '../db/agents.ts'
import { listControlPlaneKeys } from '../db/control-plane-keys.ts'
import { appendEvents } from '../db/events.ts'
import { ensureSite, lockSite, setSealKey } from '../db/sites.ts'
import {
  type EnrolmentRequest,
  type EnrolmentResponse,
  enrolmentResponseSchema,
  enrolmentTokenText,
  parseEnrolmentToken,
} from '../protocol/enrolment.ts'
import { thumbprint } from '../protocol/keys.ts'
import { hashToken, randomText } from './auth.ts'
import { ApiError } from './errors.ts'
import type { Deps } from './ports.ts'

export const ENROLMENT_LIFE_MS = 3_600_000

export interface EnrolmentOffer {
  token: string
  agent: string
  expiresAt: string
}

/** Makes a token for one agent; the site exists from now on, if only as a name. */
export async function offerEnrolment(
  deps: Deps,
  offer: { site: string; agent: string; createdBy: string },
): Promise<EnrolmentOffer> {
  const { site, agent, createdBy } = offer
  const secret = randomText(deps.random, 32)
  const token = enrolmentTokenText({ secret, fingerprint: deps.key.sign.kid })
  const expiresAtMs = deps.clock.wallMs() + ENROLMENT_LIFE_MS
  const createdAt = deps.clock.wall()
  await deps.db.transaction(async (tx) => {
    await ensureSite(tx, site, createdAt)
    const hash = hashToken(secret)
    await createEnrolment(tx, { hash, site, agent, createdAt, createdBy, expiresAtMs })
    const payload = { agent, createdBy }
    await appendEvents(tx, [{ site, type: 'enrolment-offered', at: createdAt, payload }])
  })
  return { token, agent, expiresAt: new Date(expiresAtMs).toISOString().replace('Z', '000Z') }
}

/** Enrols the bearer of a good token. Throws ApiError `enrolment-refused` without telling which part is bad. */
export async function enrol(deps: Deps, request: EnrolmentRequest): Promise<EnrolmentResponse> {
  const { name, signKey, sealKey, siteKey, version } = request
  const hash = hashToken(parseEnrolmentToken(request.token)?.secret ?? '')
  const kid = await thumbprint(signKey)
  const usedAt = deps.clock.wall()
  return await deps.db.transaction(async (tx) => {
    const nowMs = deps.clock.wallMs()
    const claimed = await claimEnrolment(tx, { hash, usedBy: kid, usedAt, nowMs })
    if (claimed?.agent !== name) throw refused()
    const { site } = claimed
    const row = await lockSite(tx, site)
    const agents = await listAgents(tx, site)
    // The answer may have been lost; but whom another token has replaced since does not come back by this one.
    const again = claimed.usedAt !== usedAt
    if (again && agents.find((agent) => agent.name === name)?.kid !== kid) throw refused()
    const others = agents.some((agent) => agent.name !== name)
    // With no other agent enrolled nobody else can hold the private half of an older site key.
    const inForce = row?.sealKey != null && others ? row.sealKey : siteKey
    if (inForce === siteKey) await setSealKey(tx, site, siteKey)
    const enrolment = { sealKey, version }
    await enrolAgent(tx, { site, name, kid, key: signKey, enrolment, enrolledAt: usedAt })
    const payload = { agent: name, kid, version }
    const keys = await listControlPlaneKeys(tx)
    await appendEvents(tx, [{ site, type: 'agent-enrolled', at: usedAt, payload }])
    const controlPlaneKeys = keys.slice(-10).map(({ key }) => key)
    return enrolmentResponseSchema.parse({ site, name, controlPlaneKeys, siteKey: inForce })
  })
}

function refused(): ApiError {
  return new ApiError(
    'enrolment-refused',
    'the token is unknown, used, expired or for another name; ask for a new one',
  )
}
