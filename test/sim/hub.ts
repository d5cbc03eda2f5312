// The control plane of one world: signs orders, sends again what is not acknowledged, stores what agents report
// and proves it, and answers its clients. It may crash and come back without its last second.

import type { ResetMode } from '../../core/plan.ts'
import { plannedFeeds, planReset, resolveRequester, resolveTarget } from '../../core/planner.ts'
import { findServer, type SiteDocument } from '../../core/site.ts'
import { hashRecord, verifyHead, verifyHello } from '../../protocol/chain.ts'
import type { FromAgent } from '../../protocol/link.ts'
import type { Order, ResetOrder } from '../../protocol/order.ts'
import { signOrder } from '../../protocol/order-token.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { operationId, resetId } from '../../protocol/reset-id.ts'
import { foldReset } from '../../protocol/reset-view.ts'
import { HubConnection } from './hub-link.ts'
import type { Life } from './life.ts'
import { EPOCH_MS, SITE } from './settings.ts'
import type { World } from './world.ts'

const SEND_AGAIN_MS = 2000

export type Question =
  | { kind: 'reset'; server: string; requester?: number; mode: ResetMode }
  | { kind: 'restore' | 'soft-reset-test' | 'same' | 'serial'; server: string }

export interface Row {
  order: Order
  token: string
  acknowledged: boolean
  /** What clients are told: the result of the fold. */
  result: string | undefined
  begun: boolean
  ended: boolean
}

interface StoredAgent {
  records: JournalRecord[]
  hashes: string[]
  head: string | undefined
}

export class Hub {
  readonly rows = new Map<string, Row>()
  readonly stored = new Map<string, StoredAgent>()
  readonly faults: string[] = []
  up = true
  readonly #world: World
  readonly #connections = new Set<HubConnection>()
  /** How to forget, newest last. */
  readonly #undo: { at: number; undo: () => void }[] = []
  #site: { token: string; document: SiteDocument; revision: number } | undefined
  #nonces = 0

  constructor(world: World) {
    this.#world = world
  }

  get nowMs(): number {
    return Math.floor(EPOCH_MS + this.#world.time.now)
  }

  publish(site: { token: string; document: SiteDocument; revision: number }): void {
    this.#site = site
  }

  get document(): SiteDocument {
    if (!this.#site) throw new Error('no site document yet')
    return this.#site.document
  }

  dial(life: Life): HubConnection {
    const world = this.#world
    this.#nonces += 1
    const path = world.room.path(life.station.name, 'hub')
    const connection = new HubConnection(life, path, `nonce-${this.#nonces}`)
    const refuse = !this.up
    connection.closedByAgent = () => this.#connections.delete(connection)
    connection.heard = (text) => this.#hear(connection, text)
    world.time.after(2, () => {
      if (refuse || !this.up || !connection.isOpen) return connection.cut()
      this.#connections.add(connection)
      connection.say({ type: 'challenge', v: 1, nonce: connection.nonce, nowMs: this.nowMs })
    })
    return connection
  }

  /** The agent's process is gone, and its connection with it. */
  lost(life: Life): void {
    for (const connection of this.#connections) {
      if (connection.life !== life) continue
      connection.isOpen = false
      this.#connections.delete(connection)
    }
  }

  cutLinks(): void {
    for (const connection of [...this.#connections]) this.#drop(connection)
  }

  /** A cut way was mended. */
  flow(): void {
    for (const connection of this.#connections) connection.flow()
  }

  crash(downMs: number, forgetsMs: number): void {
    const { time } = this.#world
    this.#world.note(() => `hub crashes for ${downMs} ms and forgets ${forgetsMs} ms`)
    this.up = false
    this.cutLinks()
    const since = time.now - forgetsMs
    for (let last = this.#undo.at(-1); last !== undefined && last.at >= since; ) {
      this.#undo.pop()
      last.undo()
      last = this.#undo.at(-1)
    }
    time.after(downMs, () => {
      this.up = true
      this.#world.note(() => 'hub is back')
    })
  }

  /** A request with its idempotency key; undefined while the hub does not answer. */
  async ask(key: string, question: Question, lifeMs: number): Promise<Row | undefined> {
    if (!this.up) return undefined
    const id = question.kind === 'reset' ? resetId(SITE, key) : operationId(SITE, key)
    const known = this.rows.get(id)
    if (known) {
      this.#dispatch(known)
      return known
    }
    const order = this.#plan(id, question, lifeMs)
    const token = await signOrder(order, this.#world.keys.controlPlane.signing)
    const row: Row = {
      order,
      token,
      acknowledged: false,
      result: undefined,
      begun: false,
      ended: false,
    }
    this.rows.set(id, row)
    this.#remember(() => this.rows.delete(id))
    this.#dispatch(row)
    this.#sendAgainLater(row)
    return row
  }

  #plan(id: string, question: Question, lifeMs: number): Order {
    const { document, nowMs } = this
    const common = {
      v: 1 as const,
      id,
      site: SITE,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + lifeMs,
      revision: this.#site?.revision ?? 0,
    }
    if (question.kind === 'reset') return this.#planReset(common, question)
    const server = findServer(document, question.server)
    const target = resolveTarget(document, { server: question.server })
    if (!server || 'code' in target) throw new Error(`no server is named ${question.server}`)
    const asked = { ...common, target: { server: server.name }, requestedBy: 'operator' }
    const feeds = plannedFeeds(document, server)
    switch (question.kind) {
      case 'restore':
        return { ...asked, kind: 'restore', feeds }
      case 'soft-reset-test': {
        const { cluster, number, address, port } = target.system ?? neverSystem()
        return { ...asked, kind: 'soft-reset-test', system: { cluster, number, address, port } }
      }
      case 'same':
      case 'serial': {
        const times = { offTimeMs: 5000, waitTimeMs: 5000, leaveUp: true }
        return { ...asked, kind: 'pdu-test', feeds, test: { mode: question.kind, ...times } }
      }
    }
  }

  #planReset(
    common: Pick<ResetOrder, 'v' | 'id' | 'site' | 'issuedAtMs' | 'expiresAtMs' | 'revision'>,
    { server, requester, mode }: Extract<Question, { kind: 'reset' }>,
  ): ResetOrder {
    const { document } = this
    const target = resolveTarget(document, { server })
    if ('code' in target) throw new Error(target.detail)
    const asking =
      requester === undefined ? undefined : resolveRequester(document, { system: requester })
    if (asking && 'code' in asking) throw new Error(asking.detail)
    const { system } = target
    const at = new Date(common.issuedAtMs).toISOString().replace('Z', '000Z')
    return {
      ...common,
      kind: 'reset',
      request: {
        server,
        ...(system ? { system: { cluster: system.cluster, number: system.number } } : {}),
        ...(asking ? { requester: asking } : {}),
        mode,
        reason: 'peer is silent',
        requestedBy: asking ? 'ha' : 'operator',
        requestedAt: at,
      },
      plan: planReset(document, target, mode),
    }
  }

  #dispatch(row: Row): void {
    if (row.acknowledged || row.order.expiresAtMs <= this.nowMs) return
    for (const connection of this.#connections) {
      if (!connection.welcomed) continue
      connection.say({ type: 'order', token: row.token, nowMs: this.nowMs })
    }
  }

  #sendAgainLater(row: Row): void {
    this.#world.time.after(SEND_AGAIN_MS, () => {
      if (row.acknowledged || row.order.expiresAtMs <= this.nowMs) return
      if (this.rows.get(row.order.id) !== row) return
      if (this.up) this.#dispatch(row)
      this.#sendAgainLater(row)
    })
  }

  /** Somebody on the way sends an old order once more. */
  replay(token: string): void {
    for (const connection of this.#connections) {
      if (connection.welcomed) connection.say({ type: 'order', token, nowMs: this.nowMs })
    }
  }

  async #hear(connection: HubConnection, text: string): Promise<void> {
    if (!this.up) return
    const message: FromAgent = JSON.parse(text)
    switch (message.type) {
      case 'ping':
        return connection.say({ type: 'pong', nowMs: this.nowMs })
      case 'journalled': {
        this.#world.judge.journalled(message.order)
        const row = this.rows.get(message.order)
        if (row && !row.acknowledged) {
          row.acknowledged = true
          this.#remember(() => {
            row.acknowledged = false
            this.#sendAgainLater(row)
          })
        }
        return
      }
      case 'hello':
        return this.#welcome(connection, message.token)
      case 'report':
        return this.#store(connection, message.records, message.head)
    }
  }

  async #welcome(connection: HubConnection, token: string): Promise<void> {
    const { keys } = this.#world
    const agent = connection.life.station.name
    const expected = { keys: [keys.agent.verifying], site: SITE, nonce: connection.nonce, agent }
    const verified = await verifyHello(token, expected)
    if ('refused' in verified) {
      this.faults.push(`hello of ${agent}: ${verified.detail}`)
      return this.#drop(connection)
    }
    const { nowMs } = this
    const site = this.#site
    if (site && verified.hello.revision < site.revision) {
      connection.say({ type: 'welcome', received: this.#received(agent), nowMs })
      connection.say({ type: 'site', token: site.token, nowMs })
    } else connection.say({ type: 'welcome', received: this.#received(agent), nowMs })
    connection.welcomed = true
    for (const row of this.rows.values()) this.#dispatch(row)
  }

  #received(agent: string): number {
    return this.stored.get(agent)?.records.length ?? 0
  }

  async #store(connection: HubConnection, records: JournalRecord[], token: string): Promise<void> {
    const { keys, judge } = this.#world
    const agent = connection.life.station.name
    const verified = await verifyHead(token, { keys: [keys.agent.verifying], site: SITE, agent })
    if ('refused' in verified) {
      this.faults.push(`head of ${agent}: ${verified.detail}`)
      return
    }
    const stored = this.stored.get(agent) ?? { records: [], hashes: [], head: undefined }
    this.stored.set(agent, stored)
    let prev = ''
    for (const record of records) {
      const hash = hashRecord(record)
      this.#storeOne(stored, record, hash, prev)
      prev = hash
    }
    if (verified.head.hash !== prev)
      this.faults.push(`head ${verified.head.seq} is of other records`)
    const before = stored.head
    stored.head = token
    this.#remember(() => {
      stored.head = before
    })
    judge.reported(records)
    connection.say({ type: 'received', seq: stored.records.length, nowMs: this.nowMs })
  }

  #storeOne(stored: StoredAgent, record: JournalRecord, hash: string, prev: string): void {
    const { seq } = record
    const known = stored.hashes[seq - 1]
    if (known !== undefined) {
      if (known !== hash) this.faults.push(`record ${seq} came in two ways`)
      return
    }
    const last = stored.hashes.length
    if (seq !== last + 1) return void this.faults.push(`record ${seq} came after ${last}`)
    const before = prev === '' ? stored.hashes.at(-1) : prev
    if (before !== undefined && record.prev !== before) {
      this.faults.push(`record ${seq} does not follow from ${last}`)
    }
    stored.records.push(record)
    stored.hashes.push(hash)
    this.#remember(() => {
      stored.records.length = last
      stored.hashes.length = last
    })
    this.#progress(record)
  }

  /** A row that is gone is made again by what its agent reports. */
  #progress(record: JournalRecord): void {
    if (!('order' in record) || record.order === null) return
    const row = this.rows.get(record.order)
    if (!row) return
    if (record.kind === 'accepted' || record.kind === 'operation') this.#set(row, 'begun', true)
    if (record.kind === 'concluded') {
      const { result } = record.conclusion
      this.#set(row, 'result', result)
      this.#world.judge.announced(record.order, record.conclusion)
    }
    if (record.kind === 'refused' && !row.begun) {
      this.#set(row, 'result', record.result ?? record.code)
      this.#set(row, 'ended', true)
    }
    if (record.kind === 'ended' || record.kind === 'operation-ended') this.#set(row, 'ended', true)
  }

  #set<K extends 'result' | 'ended' | 'begun'>(row: Row, key: K, value: Row[K]): void {
    const before = row[key]
    row[key] = value
    this.#remember(() => {
      row[key] = before
    })
  }

  /** The view of a reset, by the very fold that REST answers with. */
  view(id: string) {
    const records = [...this.stored.values()].flatMap((agent) =>
      agent.records.filter((record) => 'order' in record && record.order === id),
    )
    return foldReset(records)
  }

  #drop(connection: HubConnection): void {
    this.#connections.delete(connection)
    connection.cut()
  }

  #remember(undo: () => void): void {
    this.#undo.push({ at: this.#world.time.now, undo })
    if (this.#undo.length > 4000) this.#undo.splice(0, 2000)
  }
}

function neverSystem(): never {
  throw new Error('every server of a simulated site carries a system')
}
