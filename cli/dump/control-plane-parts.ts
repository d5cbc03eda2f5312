// What the control plane tells, through the routes that everybody uses. Each part is asked for by itself: what
// cannot be had becomes a note.
import { z } from 'zod'
import type { SiteSpec } from '../../core/site.ts'
import { SOFTWARE_VERSION } from '../../protocol/version.ts'
import { anyObject } from '../answers.ts'
import { type Client, NoAnswer, type Query } from '../client.ts'
import { settingTables } from '../commands/show-settings.ts'
import { CommandError, EXIT } from '../exit.ts'
import { readOperatorLog } from '../operator-entries.ts'
import { renderTables } from '../table.ts'
import { jsonPart, type Notes, type Part, type Parts, step } from './part.ts'
import { withFingerprints } from './sealed-fingerprint.ts'

const PAGE = 200
const SITES_MAX = 1000
const RESETS_MAX = 2000
const OPERATOR_ENTRIES_MAX = 20_000
/** Characters of one part; an audit of a week has a few million at most. */
const TEXT_MAX = 64 * 1024 * 1024
/** After so many failures in a row, or none to answer, nothing more is asked: each one takes its time. */
const FAILURES_MAX = 2

export interface Asked {
  client: Client
  notes: Notes
  /** RFC 3339: from when on is recent. */
  from: string
}

const itemsSchema = z.looseObject({
  items: z.array(anyObject),
  nextCursor: z.string().nullish(),
})
const agentsSchema = z.looseObject({
  items: z.array(z.looseObject({ name: z.string(), version: z.string().nullish() })),
})

/** Asks for one part after the other. */
class Inquiry {
  readonly #notes: Notes
  #failures = 0

  constructor(notes: Notes) {
    this.#notes = notes
  }

  /** Undefined when it could not be had; then a note says why. */
  async ask<T>(path: string, get: () => Promise<T>): Promise<T | undefined> {
    if (this.#failures >= FAILURES_MAX) {
      this.#notes.add(path, 'not asked for, because the control plane fails')
      return undefined
    }
    try {
      const answer = await get()
      this.#failures = 0
      return answer
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      if (error instanceof NoAnswer) this.#failures = FAILURES_MAX
      else if (error.exit === EXIT.failed) this.#failures += 1
      this.#notes.add(path, `${error.notes.code}: ${error.message}`)
      return undefined
    }
  }
}

export async function* controlPlaneParts(asked: Asked): Parts {
  const { client, notes } = asked
  const inquiry = new Inquiry(notes)
  const json = async (path: string, from: string): Promise<Part[]> => {
    const answer = await inquiry.ask(path, () => client.get(from, anyObject))
    return answer === undefined ? [] : [jsonPart(path, answer)]
  }
  yield* await json('control-plane/health.json', '/healthz')
  yield* await json('control-plane/readiness.json', '/readyz')
  yield* await text(asked, inquiry, 'control-plane/metrics.txt', '/metrics')
  yield* await operatorLog(asked, inquiry)
  const sites = await inquiry.ask('sites', () => listSites(client))
  const versions: object[] = []
  for (const site of sites ?? []) {
    yield* siteParts(asked, inquiry, site)
    const at = `/v1/sites/${encodeURIComponent(site)}/agents`
    const path = `sites/${step(site)}/agents.json`
    const agents = await inquiry.ask(path, () => client.get(at, agentsSchema))
    if (agents !== undefined) yield jsonPart(path, agents)
    for (const { name, version } of agents?.items ?? []) versions.push({ site, name, version })
  }
  yield* await versionPart(asked, inquiry, versions)
}

/** Everything of one site but its agents. */
async function* siteParts(asked: Asked, inquiry: Inquiry, site: string): Parts {
  const { client, from } = asked
  const folder = `sites/${step(site)}`
  const at = `/v1/sites/${encodeURIComponent(site)}`
  const document = await inquiry.ask(`${folder}/site.json`, () => client.get(at, anyObject))
  if (document !== undefined) {
    yield jsonPart(`${folder}/site.json`, withFingerprints(document))
    yield* settings(`${folder}/settings.txt`, document, asked.notes)
  }
  const status = await inquiry.ask(`${folder}/status.json`, () =>
    client.get(`${at}/status`, anyObject),
  )
  if (status !== undefined) yield jsonPart(`${folder}/status.json`, status)
  const resets = await inquiry.ask(`${folder}/resets.json`, () => recentResets(asked, site))
  if (resets !== undefined) yield jsonPart(`${folder}/resets.json`, resets)
  const audit = { site, from }
  for (const part of await text(asked, inquiry, `${folder}/audit.ndjson`, '/v1/audit', audit)) {
    yield { ...part, signed: true }
  }
  const resetLog = { ...audit, format: 'resetlog' }
  yield* await text(asked, inquiry, `${folder}/reset-log.txt`, '/v1/audit', resetLog)
}

/** As people read them; a document of a newer form stands in `site.json` all the same. */
function settings(path: string, document: Record<string, unknown>, notes: Notes): Part[] {
  try {
    const tables = settingTables(document['spec'] as SiteSpec)
    return [{ path, text: `${renderTables(tables, (text) => text)}\n` }]
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    notes.add(path, 'the site document has a form that is not known here')
    return []
  }
}

async function versionPart(
  { client }: Asked,
  inquiry: Inquiry,
  agents: readonly object[],
): Promise<Part[]> {
  const openApiSchema = z.looseObject({
    openapi: z.string(),
    info: z.looseObject({ version: z.string() }),
    paths: anyObject,
  })
  const path = 'control-plane/openapi'
  const openApi = await inquiry.ask(path, () => client.get('/openapi.json', openApiSchema))
  const versions = {
    palisade: SOFTWARE_VERSION,
    controlPlane: openApi?.info.version ?? null,
    openApi: openApi === undefined ? null : openApi.openapi,
    paths: openApi === undefined ? null : Object.keys(openApi.paths),
    agents,
  }
  return [jsonPart('versions.json', versions)]
}

async function operatorLog({ client, notes, from }: Asked, inquiry: Inquiry): Promise<Part[]> {
  const path = 'control-plane/operator-log.ndjson'
  const log = await inquiry.ask(path, () => readOperatorLog(client, { from }, OPERATOR_ENTRIES_MAX))
  if (log === undefined) return []
  if (log.leftOut > 0) notes.add(path, `${log.leftOut} older entries are left out`)
  return [{ path, text: log.items.map((entry) => `${JSON.stringify(entry)}\n`).join('') }]
}

async function listSites(client: Client): Promise<string[]> {
  const items = await pages(client, '/v1/sites', {}, (all) => all.length < SITES_MAX)
  return items.map(({ name }) => String(name)).slice(0, SITES_MAX)
}

async function recentResets({ client, notes, from }: Asked, site: string): Promise<object> {
  const isRecent = (reset: { requestedAt?: unknown }) => String(reset.requestedAt) >= from
  const goOn = (all: readonly { requestedAt?: unknown }[]) =>
    all.length < RESETS_MAX && all.every(isRecent)
  const items = (await pages(client, '/v1/resets', { site }, goOn)).filter(isRecent)
  if (items.length >= RESETS_MAX) notes.add(`resets of ${site}`, `only the newest ${RESETS_MAX}`)
  return { items: items.slice(0, RESETS_MAX) }
}

/** Page after page for as long as more are wanted. */
async function pages(
  client: Client,
  path: string,
  filter: Query,
  goOn: (items: readonly Record<string, unknown>[]) => boolean,
): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = []
  let cursor: string | undefined
  do {
    const query = { ...filter, limit: PAGE, cursor }
    const page = await client.get(path, itemsSchema, { query })
    items.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined && goOn(items))
  return items
}

/** What came before a failure is kept. */
async function text(
  { client, notes }: Asked,
  inquiry: Inquiry,
  path: string,
  from: string,
  query: Query = {},
): Promise<Part[]> {
  const decoder = new TextDecoder()
  let collected = ''
  const whole = await inquiry.ask(path, async () => {
    for await (const chunk of client.stream(from, query)) {
      collected += decoder.decode(chunk, { stream: true })
      if (collected.length > TEXT_MAX) {
        notes.add(path, `cut off after ${TEXT_MAX} characters`)
        break
      }
    }
    return true
  })
  return whole || collected !== '' ? [{ path, text: collected }] : []
}
