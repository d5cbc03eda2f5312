// One hub per site: it knows the agents that are connected, gets orders to them and takes their reports. It
// keeps nothing of worth in memory, so it may be replaced or put to sleep at any time; what counts is in the
// database (spec redundancy.md, "Hub liveness without waking it").
import type { SiteDocument } from '../core/site.ts'
import { findAgent, listAgentKeys, noteConnected, noteHeard } from '../db/agents.ts'
import { claimUndelivered, noteJournalled, type SentOrder } from '../db/orders.ts'
import { findSite } from '../db/sites.ts'
import { signSite, verifyHello } from '../protocol/chain.ts'
import { importVerifyingKey, type VerifyingKey } from '../protocol/keys.ts'
import { type FromHub, fromAgentSchema, type Hello, PONG_TEXT } from '../protocol/link.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { randomText } from './auth.ts'
import { describeError } from './errors.ts'
import { gather } from './gather.ts'
import { HubAlarm } from './hub-alarm.ts'
import type { HubPorts, LinkState } from './hub-ports.ts'
import { HELLO_WITHIN_MS, isSilent, nextSweepMs } from './hub-sweep.ts'
import { storeReport } from './ingest.ts'
import { findNextAlarmMs, settleDueOrders } from './overdue.ts'
import type { Presence, Recipient } from './ports.ts'
import { readBatch } from './report-batch.ts'

/** Why the hub closes a connection. */
export const CLOSE = {
  malformed: 4400,
  refused: 4401,
  silent: 4408,
  replaced: 4409,
  tooLarge: 4413,
  failed: 4500,
} as const

const DISPATCH_RETRY_MS = 1000
const JOURNALLED_AT_ONCE = 256
/** Before the hello nothing larger is read. */
const HELLO_CHARACTERS_MAX = 16_384

/** What of a message is done behind its turn: those that come together share one write. */
interface Handled {
  behind?: Promise<void>
}

export class Hub {
  readonly #ports: HubPorts
  /** Messages of one connection are handled one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  /** Orders on their way on a connection, so that it does not get them again for every new one. */
  readonly #sent = new Map<string, Set<string>>()
  /** The dispatch under way, and the one that follows it for all who asked meanwhile. */
  #dispatching: Promise<void> | undefined
  #following: Promise<void> | undefined
  readonly #alarm: HubAlarm
  readonly #noteTogether = gather<string, undefined>(async (site, ids) => {
    const { db, clock } = this.#ports
    await noteJournalled(db, { ids, site, nowMs: clock.wallMs() })
    return ids.map(() => ({ value: undefined }))
  }, JOURNALLED_AT_ONCE)

  constructor(ports: HubPorts) {
    this.#ports = ports
    this.#alarm = new HubAlarm(ports.setAlarm, () => this.#neededAtMs())
  }

  async opened(id: string): Promise<void> {
    const { sockets, random, clock } = this.#ports
    const nonce = randomText(random, 24)
    sockets.remember(id, { nonce, openedAtMs: clock.wallMs() })
    this.#say(id, { type: 'challenge', v: PROTOCOL_VERSION, nonce, nowMs: clock.wallMs() })
    await this.#alarm.arm()
  }

  /** Resolves when the message has been dealt with; never rejects. */
  message(id: string, text: string): Promise<void> {
    const before = this.#turns.get(id) ?? Promise.resolve()
    const turn = before.then(() => this.#handleSafely(id, text))
    this.#turns.set(id, turn)
    return turn.then(({ behind }) => behind)
  }

  async closed(id: string, state: LinkState | undefined): Promise<void> {
    this.#turns.delete(id)
    this.#sent.delete(id)
    if (state?.agent === undefined) return
    const { db, site, clock, log } = this.#ports
    log('info', 'agent-disconnected', { site, agent: state.agent })
    await noteHeard(db, site, state.agent, clock.wall())
  }

  /** Judged now: a link that went silent may stand until the next sweep. */
  presence(): Presence[] {
    const { sockets } = this.#ports
    return sockets.list().flatMap(({ id, state }) => {
      const { agent, openedAtMs } = state
      if (agent === undefined || isSilent(this.#ports, id)) return []
      return [{ agent, connectedAtMs: openedAtMs, heardAtMs: sockets.heardAtMs(id) }]
    })
  }

  /** Sends what is undelivered and sets the alarm. What was stored before the call is sent when it resolves. */
  dispatch(): Promise<void> {
    if (this.#dispatching === undefined) return this.#startDispatch()
    this.#following ??= this.#dispatching
      .catch(() => {})
      .then(() => {
        this.#following = undefined
        return this.#startDispatch()
      })
    return this.#following
  }

  #startDispatch(): Promise<void> {
    const dispatching = this.#dispatchOnce()
      // Whoever asked may have gone by then, and the order is stored.
      .catch((error: unknown) => this.#lookAgain(error))
      .finally(() => {
        this.#dispatching = undefined
      })
    this.#dispatching = dispatching
    return dispatching
  }

  async #dispatchOnce(): Promise<void> {
    const active = this.#active()
    if (active) await this.#sendUndelivered(active.id, active.state)
    await this.#alarm.arm()
  }

  /** Whom orders go to now; undefined while nobody is connected that may get any. */
  recipient(): Recipient | undefined {
    const active = this.#active()
    if (active?.state.kid === undefined) return undefined
    const { kid, epoch = 0 } = active.state
    return { link: active.id, kid, epoch }
  }

  /**
   * Sends orders that are stored as sent to this recipient, without asking the database for them, and sets the
   * alarm. When the link has been replaced they go by way of `dispatch`, which sends what is not acknowledged.
   */
  async deliver({ link, kid, epoch }: Recipient, orders: readonly SentOrder[]): Promise<void> {
    const now = this.recipient()
    if (now?.link !== link || now.kid !== kid || now.epoch !== epoch) return await this.dispatch()
    try {
      await this.#send(link, orders)
      await this.#alarm.armBy(Math.min(...orders.map(({ overdueAtMs }) => overdueAtMs)))
    } catch (error) {
      await this.#lookAgain(error)
    }
  }

  /** Sees to it that what could not be sent is tried again, and fails by what kept it. */
  async #lookAgain(error: unknown): Promise<never> {
    await this.#alarm.lookAgainAt(this.#ports.clock.wallMs() + DISPATCH_RETRY_MS)
    throw error
  }

  /** Sends the newest site document to whoever lacks it. */
  async publish(): Promise<void> {
    for (const { id, state } of this.#ports.sockets.list()) {
      if (state.agent !== undefined) await this.#sendSite(id, state)
    }
  }

  /** What the alarm is for: late hellos, silent agents, overdue orders, and a dispatch that failed. */
  async alarmed(): Promise<void> {
    this.#alarm.rung()
    const { sockets, clock } = this.#ports
    const nowMs = clock.wallMs()
    for (const { id, state } of sockets.list()) {
      if (state.agent === undefined && nowMs - state.openedAtMs >= HELLO_WITHIN_MS) {
        sockets.close(id, CLOSE.silent, 'no hello in time')
      } else if (isSilent(this.#ports, id)) {
        sockets.close(id, CLOSE.silent, 'nothing heard')
      }
    }
    const heard = new Set(sockets.list().flatMap(({ state }) => state.kid ?? []))
    for (const order of await settleDueOrders(this.#ports, heard)) this.#notify(order)
    await this.dispatch()
  }

  async #handleSafely(id: string, text: string): Promise<Handled> {
    const { sockets, log, site } = this.#ports
    const state = sockets.find(id)
    if (!state) return {}
    const failed = (error: unknown) => {
      log('error', 'hub-failed', { site, agent: state.agent, ...describeError(error) })
      sockets.close(id, CLOSE.failed, 'the hub failed; connect again')
    }
    try {
      const behind = (await this.#handle(id, state, text))?.behind
      return behind ? { behind: behind.catch(failed) } : {}
    } catch (error) {
      failed(error)
      return {}
    }
  }

  async #handle(id: string, state: LinkState, text: string): Promise<Handled> {
    if (state.agent === undefined && text.length > HELLO_CHARACTERS_MAX) {
      this.#refuse(id, CLOSE.tooLarge, 'too large before the hello')
      return {}
    }
    const raw = parseJson(text)
    if (isReport(raw)) {
      await this.#takeReport(id, state, raw)
      return {}
    }
    const message = fromAgentSchema.safeParse(raw)
    if (!message.success) {
      this.#refuse(id, CLOSE.malformed, 'not a message of this version')
    } else if (message.data.type === 'hello') {
      await this.#welcome(id, state, message.data.token)
    } else if (state.agent === undefined) {
      this.#refuse(id, CLOSE.refused, 'no hello yet')
    } else if (message.data.type === 'ping') {
      this.#ports.sockets.send(id, PONG_TEXT)
    } else if (message.data.type === 'journalled') {
      return this.#noteJournalled(id, message.data.order)
    }
    return {}
  }

  async #welcome(id: string, state: LinkState, token: string): Promise<void> {
    const { db, site, sockets, clock, log } = this.#ports
    if (state.agent !== undefined) return this.#refuse(id, CLOSE.malformed, 'a second hello')
    const keys = await Promise.all(
      (await listAgentKeys(db, site)).map(({ key }) => importVerifyingKey(key)),
    )
    const verified = await verifyHello(token, { keys, site, nonce: state.nonce })
    if ('refused' in verified) return this.#refuse(id, CLOSE.refused, verified.detail)
    const { hello, kid } = verified
    const agent = await findAgent(db, site, hello.agent)
    if (agent?.kid !== kid) return this.#refuse(id, CLOSE.refused, 'not the key of this agent')
    const rolledBack = agent.rolledBack || hello.start < agent.start || hello.head < agent.received
    this.#replaceOthers(id, hello.agent)
    const { epoch, revision } = hello
    const known = { agent: hello.agent, kid, epoch, revision, trusted: !rolledBack }
    sockets.remember(id, { ...state, ...known })
    const connectedAt = clock.wall()
    await noteConnected(db, { ...connectedRow(site, hello, rolledBack), kid, connectedAt })
    log(rolledBack ? 'warn' : 'info', 'agent-connected', {
      site,
      agent: hello.agent,
      version: hello.version,
      rolledBack,
    })
    this.#say(id, { type: 'welcome', received: agent.received, nowMs: clock.wallMs() })
    this.#ports.signals.notify('events')
    const now = sockets.find(id)
    if (now) await this.#sendSite(id, now)
    await this.dispatch()
  }

  /** A second connection of an agent is the newer one: the first is dead or about to be. */
  #replaceOthers(id: string, agent: string): void {
    const { sockets } = this.#ports
    for (const other of sockets.list()) {
      if (other.id === id || other.state.agent !== agent) continue
      sockets.close(other.id, CLOSE.replaced, 'replaced by a newer connection')
    }
  }

  async #sendSite(id: string, state: LinkState): Promise<void> {
    const { db, site, sockets, key, clock } = this.#ports
    const held = state.revision ?? 0
    const row = await findSite(db, site)
    if (!row || row.document === null || row.revision <= held) return
    const { revision } = row
    const document = row.document as SiteDocument
    const token = await signSite({ v: PROTOCOL_VERSION, site, revision, document }, key)
    const now = sockets.find(id)
    if (!now || (now.revision ?? 0) >= revision) return
    sockets.remember(id, { ...now, revision })
    this.#say(id, { type: 'site', token, nowMs: clock.wallMs() })
  }

  /** Orders go to the agent of the highest epoch; without votes there is only one epoch and one agent. */
  #active(): { id: string; state: LinkState & { agent: string } } | undefined {
    const candidates = this.#ports.sockets.list().flatMap(({ id, state }) => {
      const { agent, trusted } = state
      if (agent === undefined || trusted !== true || isSilent(this.#ports, id)) return []
      return [{ id, state: { ...state, agent } }]
    })
    return candidates.reduce<(typeof candidates)[number] | undefined>(
      (best, next) => (best && (best.state.epoch ?? 0) >= (next.state.epoch ?? 0) ? best : next),
      undefined,
    )
  }

  async #sendUndelivered(id: string, state: LinkState & { agent: string }): Promise<void> {
    const { db, site, clock } = this.#ports
    const { kid = '', epoch = 0 } = state
    const except = [...this.#sentOn(id)]
    const nowMs = clock.wallMs()
    await this.#send(id, await claimUndelivered(db, { site, kid, epoch, nowMs, except }))
  }

  #sentOn(id: string): Set<string> {
    const sent = this.#sent.get(id) ?? new Set()
    this.#sent.set(id, sent)
    return sent
  }

  async #send(id: string, orders: readonly SentOrder[]): Promise<void> {
    const { sockets, clock } = this.#ports
    // An order may be planned by a revision that the agent does not hold yet.
    const revision = Math.max(0, ...orders.map((order) => order.revision))
    const held = sockets.find(id)
    if (held && revision > (held.revision ?? 0)) await this.#sendSite(id, held)
    // It may have gone meanwhile: its successor gets what is not acknowledged.
    if (!sockets.find(id)) return
    const sent = this.#sentOn(id)
    for (const { id: order, token } of orders) {
      if (sent.has(order)) continue
      sent.add(order)
      this.#say(id, { type: 'order', token, nowMs: clock.wallMs() })
    }
  }

  #noteJournalled(id: string, order: string): Handled {
    const noting = this.#noteTogether(this.#ports.site, order)
    return { behind: noting.then(() => void this.#sent.get(id)?.delete(order)) }
  }

  async #takeReport(id: string, state: LinkState, raw: unknown): Promise<void> {
    const { db, site, sockets, clock, log } = this.#ports
    const { agent, kid } = state
    if (agent === undefined || kid === undefined) {
      return this.#refuse(id, CLOSE.refused, 'no hello yet')
    }
    const key = await this.#keyOf(agent, kid)
    if (!key) return this.#refuse(id, CLOSE.refused, 'not the key of this agent')
    const batch = await readBatch(raw, { site, agent, key })
    if ('fault' in batch) {
      log('warn', 'report-refused', { site, agent, fault: batch.fault })
      return this.#refuse(id, CLOSE.malformed, batch.fault)
    }
    const now = { nowMs: clock.wallMs(), nowWall: clock.wall() }
    const stored = await storeReport(db, { site, agent, kid, ...batch, ...now })
    if (!stored) return this.#refuse(id, CLOSE.refused, 'not the key of this agent')
    if (stored.forked) log('error', 'journal-forked', { site, agent })
    const { received, revision, epoch } = stored
    this.#say(id, { type: 'received', seq: received, nowMs: clock.wallMs() })
    const before = sockets.find(id)
    if (before) {
      const newest = Math.max(before.revision ?? 0, revision)
      sockets.remember(id, { ...before, revision: newest, epoch })
    }
    for (const order of stored.orders) this.#notify(order)
    this.#ports.signals.notify('events')
    // Open orders are handed to each new active again.
    if (before && epoch > (before.epoch ?? 0)) await this.dispatch()
  }

  async #keyOf(agent: string, kid: string): Promise<VerifyingKey | undefined> {
    const keys = await listAgentKeys(this.#ports.db, this.#ports.site)
    const row = keys.find((key) => key.agent === agent && key.kid === kid)
    return row && (await importVerifyingKey(row.key))
  }

  #notify(order: string): void {
    this.#ports.signals.notify(`order:${order}`)
    this.#ports.signals.notify('events')
  }

  #say(id: string, message: FromHub): void {
    this.#ports.sockets.send(id, JSON.stringify(message))
  }

  #refuse(id: string, code: number, reason: string): void {
    // A close reason may have 123 bytes.
    this.#ports.sockets.close(id, code, reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 120))
  }

  async #neededAtMs(): Promise<number> {
    const orders = await findNextAlarmMs(this.#ports, this.#ports.clock.wallMs())
    return Math.min(nextSweepMs(this.#ports), orders ?? Number.POSITIVE_INFINITY)
  }
}

function connectedRow(site: string, hello: Hello, rolledBack: boolean) {
  const { agent: name, start, epoch, revision, version } = hello
  return { site, name, start, epoch, revision, version, rolledBack }
}

function isReport(raw: unknown): boolean {
  return typeof raw === 'object' && raw !== null && 'type' in raw && raw.type === 'report'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
