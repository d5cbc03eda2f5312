// The bindings of the Worker, checked when an object starts: all faults at once, each by the name of its binding
// and never with its value.
import {
  importSigningKey,
  type PrivateSigningJwk,
  privateSigningJwkSchema,
  publicSigningJwk,
} from '../../protocol/keys.ts'
import { OPERATOR_LOG_DAYS, readWholeNumber } from '../env.ts'
import { OPERATOR_LOG_DAYS_DEFAULT } from '../housekeeping.ts'
import { hasKnownPassword, isExampleToken, isKnownSigningKey } from '../known-secrets.ts'
import type { ControlPlaneKey } from '../ports.ts'
import type { Desk } from './desk.ts'
import type { SiteHub } from './site-hub.ts'

/** As `wrangler.toml` and the secrets of the Worker declare them; what is missing is found at the start. */
export interface Bindings {
  SITES: DurableObjectNamespace<SiteHub>
  DESKS: DurableObjectNamespace<Desk>
  HYPERDRIVE?: Hyperdrive
  PALISADE_SIGNING_KEY?: string
  PALISADE_ADMIN_TOKEN?: string
  PALISADE_OPERATOR_LOG_DAYS?: string
  PALISADE_SWEEP_S?: string
  PALISADE_LOCATION?: string
}

export interface WorkerSettings {
  databaseUrl: string
  key: ControlPlaneKey
  adminToken: string
  operatorLogDays: number
  sweepEveryMs: number
}

const SWEEP_S = { min: 30, max: 3600, usual: 300 }
export const LOCATIONS: readonly DurableObjectLocationHint[] = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'apac-ne',
  'apac-se',
  'oc',
  'afr',
  'me',
]

export async function readBindings(
  bindings: Omit<Bindings, 'SITES' | 'DESKS'>,
): Promise<{ settings: WorkerSettings } | { faults: string[] }> {
  const faults: string[] = []
  const databaseUrl = readDatabaseUrl(bindings.HYPERDRIVE, faults)
  const jwk = readSigningKey(bindings.PALISADE_SIGNING_KEY, faults)
  const adminToken = readAdminToken(bindings.PALISADE_ADMIN_TOKEN, faults)
  const operatorLogDays = readWholeNumber(
    'PALISADE_OPERATOR_LOG_DAYS',
    bindings.PALISADE_OPERATOR_LOG_DAYS || String(OPERATOR_LOG_DAYS_DEFAULT),
    OPERATOR_LOG_DAYS,
    faults,
  )
  const sweepS = readWholeNumber(
    'PALISADE_SWEEP_S',
    bindings.PALISADE_SWEEP_S || String(SWEEP_S.usual),
    SWEEP_S,
    faults,
  )
  const location = bindings.PALISADE_LOCATION
  if (location && !LOCATIONS.some((known) => known === location)) {
    faults.push(`PALISADE_LOCATION: allowed are ${LOCATIONS.join(', ')}`)
  }
  if (faults.length > 0 || databaseUrl === undefined || !jwk || adminToken === undefined) {
    return { faults }
  }
  const key = await importKey(jwk)
  if (!key) {
    return { faults: ['PALISADE_SIGNING_KEY: its halves do not belong together; make another'] }
  }
  return {
    settings: { databaseUrl, key, adminToken, operatorLogDays, sweepEveryMs: sweepS * 1000 },
  }
}

async function importKey(jwk: PrivateSigningJwk): Promise<ControlPlaneKey | undefined> {
  try {
    return { sign: await importSigningKey(jwk), jwk: publicSigningJwk(jwk) }
  } catch {
    return undefined
  }
}

function readDatabaseUrl(hyperdrive: Hyperdrive | undefined, faults: string[]): string | undefined {
  const url = hyperdrive?.connectionString
  if (url === undefined) {
    faults.push(
      'HYPERDRIVE: not bound; make a Hyperdrive configuration and name it in wrangler.toml',
    )
  } else if (!/^postgres(ql)?:\/\//.test(url)) {
    faults.push('HYPERDRIVE: must lead to a Postgres database')
  } else if (hasKnownPassword(url)) {
    faults.push('HYPERDRIVE: the password of the database is one that everybody knows; set another')
  }
  return url
}

function readSigningKey(text: string | undefined, faults: string[]): PrivateSigningJwk | undefined {
  const name = 'PALISADE_SIGNING_KEY'
  const make = 'make one with npm run secrets'
  if (!text) {
    faults.push(`${name}: not set; ${make}, and put it with wrangler secret put ${name}`)
    return undefined
  }
  const parsed = privateSigningJwkSchema.safeParse(parseJson(text))
  if (!parsed.success) faults.push(`${name}: must be a private Ed25519 key as JWK; ${make}`)
  else if (isKnownSigningKey(parsed.data)) {
    faults.push(`${name}: is a key that everybody knows; ${make}`)
  }
  return parsed.data
}

function readAdminToken(token: string | undefined, faults: string[]): string | undefined {
  const name = 'PALISADE_ADMIN_TOKEN'
  const make = 'make one with npm run secrets'
  if (!token) {
    faults.push(`${name}: not set; ${make}, and put it with wrangler secret put ${name}`)
  } else if (!/^pal_[A-Za-z0-9_-]{40,}$/.test(token)) {
    faults.push(`${name}: must be pal_ and at least 40 of A-Z a-z 0-9 _ -; ${make}`)
  } else if (isExampleToken(token)) {
    faults.push(`${name}: is an example; ${make}`)
  }
  return token
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
