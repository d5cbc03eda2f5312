// An agent as the hub sees one: keys, enrolment, a journal in memory, and the link. It does as it is told by
// the test and nothing by itself.
import { WebSocket } from 'ws'
import type { Plan } from '../../core/plan.ts'
import { hashRecord, signHead, signHello, ZERO_HASH } from '../../protocol/chain.ts'
import {
  generateSealingJwk,
  generateSigningJwk,
  importSigningKey,
  publicSealingJwk,
  publicSigningJwk,
  type SigningKey,
} from '../../protocol/keys.ts'
import type { FromHub, Hello } from '../../protocol/link.ts'
import { LINK_PATH } from '../../protocol/link.ts'
import type { Order } from '../../protocol/order.ts'
import type { Body, JournalRecord } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import type { Plane } from '../blackbox/client.ts'

export class TestAgent {
  readonly plane: Plane
  readonly site: string
  readonly name: string
  readonly key: SigningKey
  readonly keys: Awaited<ReturnType<typeof makeKeys>>
  readonly journal: JournalRecord[] = []
  readonly heard: FromHub[] = []
  epoch = 0
  start = 1
  revision = 0
  #socket: WebSocket | undefined
  closedWith: { code: number; reason: string } | undefined

  constructor(
    plane: Plane,
    names: { site: string; name: string },
    keys: Awaited<ReturnType<typeof makeKeys>>,
  ) {
    this.plane = plane
    this.site = names.site
    this.name = names.name
    this.keys = keys
    this.key = keys.sign
  }

  static async enrolled(plane: Plane, site: string, name: string): Promise<TestAgent> {
    const agent = new TestAgent(plane, { site, name }, await makeKeys())
    const offer = await plane.ask(`/v1/sites/${site}/enrolments`, {
      method: 'POST',
      body: { name },
    })
    const answer = await agent.enrol(offer.body.token)
    if (answer.status !== 200) throw new Error(`not enrolled: ${JSON.stringify(answer.body)}`)
    return agent
  }

  enrol(token: string, name = this.name) {
    const { signKey, sealKey, siteKey } = this.keys
    const body = { token, name, signKey, sealKey, siteKey, version: 'test' }
    return this.plane.ask('/v1/agents/enroll', { method: 'POST', body, token: null })
  }

  /** Dials, and waits for the challenge. */
  async dial(): Promise<Extract<FromHub, { type: 'challenge' }>> {
    const query = new URLSearchParams({ site: this.site, agent: this.name })
    const socket = new WebSocket(`${this.plane.url.replace('http', 'ws')}${LINK_PATH}?${query}`)
    this.#socket = socket
    this.heard.length = 0
    this.closedWith = undefined
    socket.on('message', (text) => {
      if (this.#socket === socket) this.heard.push(JSON.parse(String(text)) as FromHub)
    })
    socket.on('error', () => {})
    socket.on('close', (code, reason) => {
      if (this.#socket === socket) this.closedWith = { code, reason: String(reason) }
    })
    return await this.next('challenge')
  }

  /** Dials, says hello, and waits for the welcome. */
  async connect(hello: Partial<Hello> = {}): Promise<Extract<FromHub, { type: 'welcome' }>> {
    const { nonce } = await this.dial()
    await this.sayHello({ nonce, ...hello })
    return await this.next('welcome')
  }

  async sayHello(hello: Partial<Hello>, key = this.key): Promise<void> {
    const { site, name: agent, epoch, start, revision } = this
    const own = { v: 1 as const, site, agent, nonce: '', start, epoch, revision, version: 'test' }
    const claims = { ...own, head: this.journal.length, ...hello }
    this.send({ type: 'hello', token: await signHello(claims, key) })
  }

  send(message: unknown): void {
    this.#socket?.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Goes on being connected, but reads nothing any more: as behind a cut of the network. */
  stall(): void {
    this.#socket?.pause()
  }

  hangUp(): void {
    this.#socket?.terminate()
  }

  /** The next message of a type that was not taken yet. */
  async next<T extends FromHub['type']>(type: T): Promise<Extract<FromHub, { type: T }>> {
    for (let waited = 0; waited < 5000; waited += 5) {
      const index = this.heard.findIndex((message) => message.type === type)
      const [message] = index < 0 ? [] : this.heard.splice(index, 1)
      if (message) return message as Extract<FromHub, { type: T }>
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    throw new Error(`the hub sent no ${type}; closed: ${JSON.stringify(this.closedWith)}`)
  }

  write(...bodies: Body[]): JournalRecord[] {
    const { site, name: agent, start, epoch } = this
    return bodies.map((body) => {
      const last = this.journal.at(-1)
      const prev = last === undefined ? ZERO_HASH : hashRecord(last)
      const chain = { v: 1 as const, site, agent, start, epoch, seq: this.journal.length + 1, prev }
      const record: JournalRecord = { ...chain, at: nodeClock.wall(), ...body }
      this.journal.push(record)
      return record
    })
  }

  async headOf(record: JournalRecord): Promise<string> {
    const { site, name: agent } = this
    const head = { v: 1 as const, site, agent, seq: record.seq, hash: hashRecord(record) }
    return await signHead(head, this.key)
  }

  /** Sends these records and waits until they are stored; returns what the hub has then. */
  async report(records: readonly JournalRecord[]): Promise<number> {
    const last = records.at(-1)
    if (!last) throw new Error('nothing to report')
    this.send({ type: 'report', records, head: await this.headOf(last) })
    return (await this.next('received')).seq
  }

  /** Writes and reports in one go. */
  tell(...bodies: Body[]): Promise<number> {
    return this.report(this.write(...bodies))
  }

  async takeOrder(): Promise<{ token: string; order: Order }> {
    const { token } = await this.next('order')
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return { token, order: claims.order as Order }
  }
}

export const MONO = { bootId: 'boot', ms: 1 }

/** The records of a reset that succeeded by a hard reset. */
export function hardResetBodies(order: Extract<Order, { kind: 'reset' }>, token: string): Body[] {
  const { id } = order
  const shot = { id: 1, rung: 'hard', device: { kind: 'bmc' }, action: 'reset' } as const
  const evidence = [{ source: 'bmc:PSERVER1', said: 'accepted', at: nodeClock.wall() }]
  return [
    acceptedBody(order, token),
    { kind: 'intent', order: id, shot, mono: MONO },
    { kind: 'answer', order: id, shot: 1, answer: 'accepted', detail: '', mono: MONO },
    {
      kind: 'concluded',
      order: id,
      conclusion: { result: 'REBOOT', fenced: true, grade: 'acknowledged', evidence },
      mono: MONO,
    },
    { kind: 'recovery', order: id, recovery: 'none', detail: '', mono: MONO },
    { kind: 'ended', order: id },
  ]
}

export function acceptedBody(order: Extract<Order, { kind: 'reset' }>, token: string): Body {
  const { id, request } = order
  return { kind: 'accepted', order: id, token, request, plan: order.plan as Plan, mono: MONO }
}

export async function makeKeys() {
  const signing = await generateSigningJwk()
  return {
    sign: await importSigningKey(signing),
    signKey: publicSigningJwk(signing),
    sealKey: publicSealingJwk(await generateSealingJwk()),
    siteKey: publicSealingJwk(await generateSealingJwk()),
  }
}
