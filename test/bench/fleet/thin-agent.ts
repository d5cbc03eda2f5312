// An agent as far as the control plane can tell one from another: it speaks the whole protocol of the link with
// the project's own code, journals in memory, and has no devices. Hundreds fit into one process.
import { WebSocket } from 'ws'
import { retryDelayMs } from '../../../agent/link.ts'
import { hashRecord, signHead, signHello, verifySite, ZERO_HASH } from '../../../protocol/chain.ts'
import type { SigningKey, VerifyingKey } from '../../../protocol/keys.ts'
import {
  BATCH_RECORDS_MAX,
  type FromAgent,
  fromHubSchema,
  LINK_PATH,
  PING_TEXT,
} from '../../../protocol/link.ts'
import { verifyOrder } from '../../../protocol/order-token.ts'
import type { Body, JournalRecord } from '../../../protocol/report.ts'
import { nodeClock, nodeRandom } from '../../../runtime/node.ts'
import { ladderSteps } from './ladder.ts'
import { FLEET_AGENT, firstReadings } from './site-document.ts'

const PING_EVERY_MS = 10_000

export interface ThinAgentOptions {
  url: string
  site: string
  servers: number
  key: SigningKey
  controlPlaneKeys: readonly VerifyingKey[]
  /** While true an order is journalled, and its ladder waits for `climb`. */
  holdsLadders(): boolean
  /** `at`: monotonic ms of this machine. */
  onOrder(order: string, at: number): void
  /** A ladder is over and the control plane has stored all of it. */
  onEnded(): void
}

export class ThinAgent {
  readonly #options: ThinAgentOptions
  #socket: WebSocket | undefined
  #wanted = false
  #failures = 0
  #stopPinging = () => {}
  #revision = 0
  #seq = 0
  #hash = ZERO_HASH
  /** Written and not yet confirmed by the hub. */
  #pending: JournalRecord[] = []
  #reporting = false
  /** What follows once everything before it is stored. */
  #steps: Body[][] = []
  #held: Body[][] = []
  readonly #journalled = new Set<string>()
  welcomedAt: number | undefined
  dials = 0
  pings = 0
  pongs = 0

  constructor(options: ThinAgentOptions) {
    this.#options = options
  }

  get site(): string {
    return this.#options.site
  }

  /** Holds the site's document, and all that it told is stored. */
  get isSettled(): boolean {
    return this.#revision > 0 && this.#pending.length === 0 && this.#steps.length === 0
  }

  connect(): void {
    this.#wanted = true
    this.#dial()
  }

  /** As when the network goes: no goodbye, and it dials again as agents do. */
  cut(): void {
    this.welcomedAt = undefined
    this.#socket?.terminate()
  }

  close(): void {
    this.#wanted = false
    this.#stopPinging()
    this.#socket?.terminate()
  }

  /** Goes on with the ladder that it held back. */
  climb(): void {
    this.#steps.push(...this.#held.splice(0))
    this.#step()
  }

  #dial(): void {
    const { url, site } = this.#options
    this.dials += 1
    const query = new URLSearchParams({ site, agent: FLEET_AGENT })
    const address = `${url.replace(/^http/, 'ws')}${LINK_PATH}?${query}`
    const socket = new WebSocket(address, { perMessageDeflate: false })
    this.#socket = socket
    socket.on('message', (text) => void this.#hear(socket, String(text)))
    socket.on('error', () => {})
    socket.on('close', () => this.#lost())
  }

  #lost(): void {
    this.#stopPinging()
    this.welcomedAt = undefined
    this.#reporting = false
    if (!this.#wanted) return
    this.#failures += 1
    setTimeout(
      () => {
        if (this.#wanted) this.#dial()
      },
      retryDelayMs(this.#failures, nodeRandom.fraction()),
    )
  }

  async #hear(socket: WebSocket, text: string): Promise<void> {
    const at = nodeClock.now()
    const message = fromHubSchema.parse(JSON.parse(text))
    switch (message.type) {
      case 'challenge':
        return await this.#greet(socket, message.nonce)
      case 'welcome':
        return this.#welcomed(at, message.received)
      case 'site':
        return await this.#takeSite(message.token)
      case 'order':
        return await this.#takeOrder(message, at)
      case 'received':
        this.#reporting = false
        this.#acknowledge(message.seq)
        return this.#step()
      case 'pong':
        this.pongs += 1
    }
  }

  async #greet(socket: WebSocket, nonce: string): Promise<void> {
    const own = { v: 1 as const, site: this.site, agent: FLEET_AGENT, nonce, start: 1, epoch: 1 }
    const holds = { head: this.#seq, revision: this.#revision, version: 'fleet' }
    const token = await signHello({ ...own, ...holds }, this.#options.key)
    if (socket === this.#socket) this.#send({ type: 'hello', token })
  }

  #welcomed(at: number, received: number): void {
    this.#failures = 0
    this.welcomedAt = at
    this.#acknowledge(received)
    this.#pingOn()
    this.#step()
  }

  /** The first one after a random part of the time, for agents do not start together. */
  #pingOn(): void {
    const socket = this.#socket
    const ping = () => {
      if (socket !== this.#socket) return
      this.pings += 1
      socket?.send(PING_TEXT)
      timer = setTimeout(ping, PING_EVERY_MS)
    }
    let timer = setTimeout(ping, PING_EVERY_MS * nodeRandom.fraction())
    this.#stopPinging = () => clearTimeout(timer)
  }

  async #takeSite(token: string): Promise<void> {
    const { controlPlaneKeys: keys, servers } = this.#options
    const verified = await verifySite(token, { keys, site: this.site })
    if ('refused' in verified) throw new Error(`${this.site}: ${verified.detail}`)
    const { revision } = verified.site
    const first = this.#revision === 0
    this.#revision = revision
    const configured: Body = { kind: 'configured', revision, detail: '' }
    this.#steps.push([configured, ...(first ? firstReadings(servers, nodeClock.wall()) : [])])
    this.#step()
  }

  async #takeOrder({ token, nowMs }: { token: string; nowMs: number }, at: number): Promise<void> {
    const { controlPlaneKeys: keys } = this.#options
    const verified = await verifyOrder(token, { keys, site: this.site, nowMs })
    if ('refused' in verified) throw new Error(`${this.site}: ${verified.detail}`)
    const { order } = verified
    if (order.kind !== 'reset') throw new Error(`${this.site}: a ${order.kind} was not asked for`)
    this.#send({ type: 'journalled', order: order.id })
    // Handed over again after a cut: it is in the journal already.
    if (this.#journalled.has(order.id)) return
    this.#journalled.add(order.id)
    this.#options.onOrder(order.id, at)
    this.#held.push(...ladderSteps(order, token))
    if (!this.#options.holdsLadders()) this.climb()
  }

  /** Takes the next step when all before it is stored, and reports what is not. */
  #step(): void {
    if (this.#pending.length === 0) {
      const [bodies] = this.#steps.splice(0, 1)
      for (const body of bodies ?? []) this.#write(body)
    }
    if (this.#pending.length === 0 || this.#reporting || this.welcomedAt === undefined) return
    this.#reporting = true
    void this.#report(this.#pending.slice(0, BATCH_RECORDS_MAX))
  }

  #write(body: Body): void {
    this.#seq += 1
    const own = { v: 1 as const, site: this.site, agent: FLEET_AGENT, start: 1, epoch: 1 }
    const chain = { ...own, seq: this.#seq, prev: this.#hash, at: nodeClock.wall() }
    const record: JournalRecord = { ...chain, ...body }
    this.#hash = hashRecord(record)
    this.#pending.push(record)
  }

  async #report(records: JournalRecord[]): Promise<void> {
    const socket = this.#socket
    const last = records.at(-1)
    if (!last) return
    const { seq } = last
    const claims = {
      v: 1 as const,
      site: this.site,
      agent: FLEET_AGENT,
      seq,
      hash: hashRecord(last),
    }
    const head = await signHead(claims, this.#options.key)
    if (socket === this.#socket) this.#send({ type: 'report', records, head })
  }

  #acknowledge(seq: number): void {
    const stored = this.#pending.filter((record) => record.seq <= seq)
    this.#pending = this.#pending.slice(stored.length)
    for (const { kind } of stored) if (kind === 'ended') this.#options.onEnded()
  }

  #send(message: FromAgent): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }
}
