// The ways to the objects.
import type { Random } from '../../core/ports.ts'
import type { Desk } from './desk.ts'
import { type Bindings, LOCATIONS } from './settings.ts'
import type { SiteHub } from './site-hub.ts'

/** Enough that one slow list holds up few others; each has its own connections to the database. */
const DESKS = 4

export function siteStub(env: Bindings, site: string): DurableObjectStub<SiteHub> {
  return env.SITES.get(env.SITES.idFromName(site), placement(env))
}

export function deskStub(env: Bindings, random: Random): DurableObjectStub<Desk> {
  const name = `desk-${Math.floor(random.fraction() * DESKS)}`
  return env.DESKS.get(env.DESKS.idFromName(name), placement(env))
}

/** Objects live where they were first asked for; they had better live near the database. */
function placement(env: Bindings): DurableObjectNamespaceGetDurableObjectOptions {
  const locationHint = LOCATIONS.find((known) => known === env.PALISADE_LOCATION)
  return locationHint ? { locationHint } : {}
}
