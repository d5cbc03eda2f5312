// PUT of a site document: judged, compared with what is running, stored as the next revision, and reported
// item by item (spec domain.md §8).
import { validateSite } from '../core/limits.ts'
import type { SiteDocument } from '../core/site.ts'
import type { Running } from '../core/site-diff/refusals.ts'
import { diffSite, type SiteDiff } from '../core/site-diff.ts'
import { wiringText } from '../core/wiring.ts'
import { type AgentRow, listAgents } from '../db/agents.ts'
import type { Db } from '../db/client.ts'
import { appendEvents } from '../db/events.ts'
import { listObservations, type ObservationRow } from '../db/observations.ts'
import { listOpenOperations } from '../db/operations.ts'
import { listOpenResets, listResets } from '../db/resets.ts'
import { applyDocument, ensureSite, findSite, lockSite, type SiteRow } from '../db/sites.ts'
import { SITE_JSON_MAX } from '../protocol/link.ts'
import { ApiError } from './errors.ts'
import type { Deps } from './ports.ts'
import { resetOf } from './views.ts'

/** How long an apply waits for connected agents to say that they hold it. */
const AGENTS_WITHIN_MS = 3000

export interface ApplyReport {
  result: SiteDiff['result']
  dryRun: boolean
  revision: number
  summary: SiteDiff['summary']
  changes: SiteDiff['changes']
  warnings: { code: string; subject: string; detail: string }[]
  agents: { name: string; result: 'Change' | 'No Change'; revision: number }[]
}

export async function applySite(
  deps: Deps,
  ask: { name: string; raw: unknown; dryRun: boolean; appliedBy: string },
): Promise<ApplyReport> {
  const { name, dryRun } = ask
  if (dryRun) {
    const row = await findSite(deps.db, name)
    const planned = await plan(deps.db, deps, row, ask)
    return await report(deps, planned, { dryRun, waited: false })
  }
  const planned = await deps.db.transaction(async (tx) => {
    await ensureSite(tx, name, deps.clock.wall())
    const drafted = await plan(tx, deps, await lockSite(tx, name), ask)
    if (drafted.changed) await store(tx, deps, drafted, ask)
    return drafted
  })
  await deps.hubs.publish(name)
  deps.signals.notify('events')
  return await report(deps, planned, { dryRun, waited: planned.changed })
}

interface Planned {
  name: string
  diff: SiteDiff
  warnings: ApplyReport['warnings']
  changed: boolean
  /** Before and, when something changes, after. */
  from: number
  revision: number
}

async function plan(
  db: Db,
  deps: Deps,
  row: SiteRow | undefined,
  { name, raw }: { name: string; raw: unknown },
): Promise<Planned> {
  const previous = (row?.document ?? undefined) as SiteDocument | undefined
  const verdict = validateSite(raw, previous)
  if ('faults' in verdict) {
    throw new ApiError('invalid-site', 'the site document breaks the limits; nothing was changed', {
      errors: verdict.faults,
    })
  }
  if (verdict.site.metadata.name !== name) {
    const detail = `the document names another site than ${name}`
    throw new ApiError('invalid-site', detail, {
      errors: [{ pointer: '/metadata/name', detail, allowed: name }],
    })
  }
  const { length } = new TextEncoder().encode(JSON.stringify(verdict.site))
  if (length > SITE_JSON_MAX) {
    const detail = `the site document has ${length} bytes with its sealed credentials; an agent takes ${SITE_JSON_MAX}`
    throw new ApiError('payload-too-large', detail)
  }
  const diff = diffSite(previous, verdict.site, await running(db, deps, name, previous))
  const changed = previous === undefined || diff.changes.some(({ result }) => result === 'Success')
  const from = row?.revision ?? 0
  // Agents may hold a newer revision than a database that was restored: only a higher one reaches them.
  const held = (await listAgents(db, name)).map((agent) => agent.revision)
  const revision = changed ? Math.max(from, ...held) + 1 : from
  const proven = await provenWiring(db, name, previous, verdict.site)
  const warnings = verdict.warnings.filter(
    ({ code, subject }) => code !== 'wiring-unproven' || !proven.has(subject),
  )
  return { name, diff, warnings, changed, from, revision }
}

/** Servers and management servers whose wiring an agent found proven, and whose feeds stay as they are. */
async function provenWiring(
  db: Db,
  site: string,
  previous: SiteDocument | undefined,
  next: SiteDocument,
): Promise<Set<string>> {
  const observed = await listObservations(db, site)
  const proven = observed.filter(
    ({ subject, attribute, value }) =>
      (subject === 'server' || subject === 'managementServer') &&
      attribute === 'wiring' &&
      value === 'proven',
  )
  const names = proven.map(({ name }) => name)
  const same = (name: string) => previous && wiringText(previous, name) === wiringText(next, name)
  return new Set(names.filter(same))
}

/** What stands in the way of changes. Off counts only as read by an agent that is heard. */
async function running(
  db: Db,
  deps: Deps,
  site: string,
  previous: SiteDocument | undefined,
): Promise<Running> {
  const open = await listOpenResets(db, site)
  const observed = await listObservations(db, site)
  const heard = new Set((await deps.hubs.presence(site)).map(({ agent }) => agent))
  const linkUp = new Set(
    observed.flatMap(({ subject, attribute, value, name }) =>
      subject === 'server' && attribute === 'bmc' && value === 'OK' ? [name] : [],
    ),
  )
  return {
    openOrders: [...open, ...(await listOpenOperations(db, site))].map(({ server }) => server),
    heldFeeds: await heldFeeds(db, site, previous, observed),
    powerOff: observed
      .filter(({ subject, attribute }) => subject === 'server' && attribute === 'power')
      .filter(({ value, agent, name }) => value === 'poff' && heard.has(agent) && linkUp.has(name))
      .map(({ name }) => name),
    registeredSystems: [],
  }
}

/** Servers with an outlet that is off, and whose last reset left feeds off. */
async function heldFeeds(
  db: Db,
  site: string,
  previous: SiteDocument | undefined,
  observed: readonly ObservationRow[],
): Promise<string[]> {
  const off = new Set(
    observed.flatMap(({ subject, name, value }) =>
      subject === 'outlet' && value === 'Disable' ? [name] : [],
    ),
  )
  const held: string[] = []
  for (const { name, feeds } of previous?.spec.servers ?? []) {
    if (!feeds.some(({ pdu, outlet }) => off.has(`${pdu}/${outlet}`))) continue
    const [last] = await listResets(db, { site, server: name }, { limit: 1 })
    if (last && !['none', 'restored'].includes(resetOf(last).recovery)) held.push(name)
  }
  return held
}

async function store(
  tx: Db,
  deps: Deps,
  planned: Planned,
  { name, appliedBy }: { name: string; appliedBy: string },
): Promise<void> {
  const { from, revision, diff } = planned
  const appliedAt = deps.clock.wall()
  const document = diff.applied
  if (!(await applyDocument(tx, { name, from, revision, document, appliedAt, appliedBy }))) {
    throw new Error(`revision ${revision} of site ${name} is not the next one, under its lock`)
  }
  const payload = { revision, appliedBy, result: diff.result }
  await appendEvents(tx, [{ site: name, type: 'site', at: appliedAt, payload }])
}

async function report(
  deps: Deps,
  planned: Planned,
  { dryRun, waited }: { dryRun: boolean; waited: boolean },
): Promise<ApplyReport> {
  const { name, diff, warnings, changed, revision } = planned
  const agents = waited ? await awaitAgents(deps, name, revision) : await listAgents(deps.db, name)
  return {
    result: diff.result,
    dryRun,
    revision,
    summary: diff.summary,
    changes: diff.changes,
    warnings,
    agents: agents.map((agent) => ({
      name: agent.name,
      result: changed ? 'Change' : 'No Change',
      revision: agent.revision,
    })),
  }
}

/** Gives connected agents a moment to say that they hold the revision; what they hold then is reported. */
async function awaitAgents(deps: Deps, site: string, revision: number): Promise<AgentRow[]> {
  const listener = deps.signals.listen('events')
  const until = deps.clock.now() + AGENTS_WITHIN_MS
  try {
    for (;;) {
      const agents = await listAgents(deps.db, site)
      const connected = new Set((await deps.hubs.presence(site)).map(({ agent }) => agent))
      const lacking = agents.some((agent) => connected.has(agent.name) && agent.revision < revision)
      const leftMs = until - deps.clock.now()
      if (!lacking || leftMs <= 0) return agents
      if (!(await listener.next(Math.min(leftMs, 500)))) return agents
    }
  } finally {
    listener.close()
  }
}
