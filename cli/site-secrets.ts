// Where a site document holds credentials, and how each becomes its sealed form: a plain string, `{ env }`
// or `{ file }` is resolved here, checked and sealed; nobody else ever sees it (spec api.md, "Site file").
import { dirname, resolve } from 'node:path'
import { checkSecret, type SecretUse } from '../core/secret-limits.ts'
import { SEAL_PURPOSE } from '../protocol/credential.ts'
import type { ShownFault } from './exit.ts'
import type { World } from './world.ts'

export interface SecretPlace {
  pointer: string
  /** The same for the same credential of the same object, wherever it stands in the list. */
  identity: string
  use: SecretUse
  purpose: (typeof SEAL_PURPOSE)[keyof typeof SEAL_PURPOSE]
  owner: RawObject
  field: string
}

export interface ResolvedSecret extends SecretPlace {
  secret: string
}

type RawObject = Record<string, unknown>

/** Every credential of a raw document that is not sealed yet. Faults of form are the control plane's to tell. */
export function secretPlaces(document: unknown): SecretPlace[] {
  const spec = member(document, 'spec')
  return [
    ...elements(spec, 'managementServers').flatMap(bmcPlaces),
    ...elements(spec, 'servers').flatMap((server) => [...bmcPlaces(server), ...hostPlaces(server)]),
    ...elements(spec, 'pdus').flatMap(snmpPlaces),
  ].filter(
    ({ owner, field }) =>
      owner[field] !== undefined && owner[field] !== null && !isSealed(owner[field]),
  )
}

/** Where something stands in the document, and what it is by name. */
interface Where {
  pointer: string
  identity: string
}
interface Element extends Where {
  value: unknown
}

function inside({ pointer, identity }: Where, field: string): Where {
  return { pointer: `${pointer}/${field}`, identity: `${identity}/${field}` }
}

function bmcPlaces(element: Element): SecretPlace[] {
  const bmc = member(element.value, 'bmc')
  const at = inside(element, 'bmc')
  return [
    ...place(bmc, inside(at, 'password'), 'password', 'ipmi-password', SEAL_PURPOSE.bmcPassword),
    ...place(bmc, inside(at, 'kg'), 'kg', 'ipmi-kg', SEAL_PURPOSE.bmcKg),
  ]
}

function hostPlaces(element: Element): SecretPlace[] {
  const host = member(element.value, 'hypervisor')
  const at = inside(inside(element, 'hypervisor'), 'password')
  return place(host, at, 'password', 'esxi-password', SEAL_PURPOSE.hypervisorPassword)
}

function snmpPlaces(element: Element): SecretPlace[] {
  const snmp = member(element.value, 'snmp')
  const at = inside(element, 'snmp')
  const secretOf = (part: 'auth' | 'priv', purpose: SecretPlace['purpose']) => {
    const where = inside(inside(at, part), 'password')
    return place(member(snmp, part), where, 'password', 'snmp-password', purpose)
  }
  const community = inside(at, 'community')
  return [
    ...place(snmp, community, 'community', 'snmp-community', SEAL_PURPOSE.snmpCommunity),
    ...secretOf('auth', SEAL_PURPOSE.snmpAuth),
    ...secretOf('priv', SEAL_PURPOSE.snmpPriv),
  ]
}

function place(
  owner: unknown,
  where: Where,
  field: string,
  use: SecretUse,
  purpose: SecretPlace['purpose'],
): SecretPlace[] {
  return isObject(owner) ? [{ ...where, use, purpose, owner, field }] : []
}

/** Reads all secrets; with any fault none is given back. `siteFile` is what relative paths start from. */
export async function resolveSecrets(
  places: readonly SecretPlace[],
  world: Pick<World, 'env' | 'readText'>,
  siteFile: string,
): Promise<{ secrets: ResolvedSecret[] } | { faults: ShownFault[] }> {
  const secrets: ResolvedSecret[] = []
  const faults: ShownFault[] = []
  for (const entry of places) {
    const found = await resolveSecret(entry.owner[entry.field], world, siteFile)
    if ('fault' in found) {
      faults.push({ pointer: entry.pointer, detail: found.fault, allowed: FORMS })
      continue
    }
    const fault = checkSecret(entry.use, found.secret, entry.pointer)
    if (fault) faults.push(fault)
    else secrets.push({ ...entry, secret: found.secret })
  }
  return faults.length > 0 ? { faults } : { secrets }
}

const FORMS = 'a text, { env: NAME } or { file: PATH }'

async function resolveSecret(
  value: unknown,
  { env, readText }: Pick<World, 'env' | 'readText'>,
  siteFile: string,
): Promise<{ secret: string } | { fault: string }> {
  if (typeof value === 'string') return { secret: value }
  if (typeof value === 'number') return { fault: 'a secret of digits only must stand in quotes' }
  const [key, ...more] = isObject(value) ? Object.keys(value) : []
  const named = key === undefined ? undefined : (value as RawObject)[key]
  if (more.length > 0 || typeof named !== 'string' || (key !== 'env' && key !== 'file')) {
    return { fault: `the secret must be ${FORMS}` }
  }
  if (key === 'env') {
    const secret = env[named]
    return secret === undefined ? { fault: `the variable ${named} is not set` } : { secret }
  }
  try {
    const text = await readText(resolve(siteFile === '-' ? '.' : dirname(siteFile), named))
    // One line end belongs to the file, not to the secret.
    return { secret: text.replace(/\r?\n$/, '') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return { fault: `the file ${named} cannot be read${code}` }
  }
}

function elements(owner: unknown, list: string): Element[] {
  const value = member(owner, list)
  if (!Array.isArray(value)) return []
  return value.map((element: unknown, index) => ({
    value: element,
    pointer: `/spec/${list}/${index}`,
    identity: `${list}/${String(member(element, 'name') ?? index)}`,
  }))
}

function member(owner: unknown, field: string): unknown {
  return isObject(owner) ? owner[field] : undefined
}

function isSealed(value: unknown): boolean {
  return isObject(value) && Object.hasOwn(value, 'sealed')
}

function isObject(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
