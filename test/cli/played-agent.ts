// An agent played by the test over the real link: it enrols, journals what the test dictates, and signs it.
// What it says is up to the test; how it says it is the protocol's.
import { once } from 'node:events'
import { decodeJwt } from 'jose'
import { WebSocket } from 'ws'
import { hashRecord, signHead, signHello, ZERO_HASH } from '../../protocol/chain.ts'
import { ENROLMENT_PATH, enrolmentResponseSchema } from '../../protocol/enrolment.ts'
import {
  generateSealingJwk,
  generateSigningJwk,
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  publicSealingJwk,
  publicSigningJwk,
  type SigningKey,
} from '../../protocol/keys.ts'
import { type FromHub, fromHubSchema, LINK_PATH } from '../../protocol/link.ts'
import { type Order, orderSchema } from '../../protocol/order.ts'
import type { Body } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'

export interface PlayedOrder {
  order: Order
  token: string
}

export interface PlayedAgent {
  opening: OpeningKey
  /** Resolves once the hub has stored them. */
  report(...bodies: Body[]): Promise<void>
  /** Answers each order; orders that come without it are left waiting. */
  onOrder(answer: (played: PlayedOrder) => Promise<void>): void
  close(): void
}

export const MONO = { bootId: 'played', ms: 1 }

export async function playAgent(url: string, name: string, token: string): Promise<PlayedAgent> {
  const jwk = await generateSigningJwk()
  const siteJwk = await generateSealingJwk()
  const response = await fetch(`${url}${ENROLMENT_PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      token,
      name,
      signKey: publicSigningJwk(jwk),
      sealKey: publicSealingJwk(await generateSealingJwk()),
      siteKey: publicSealingJwk(siteJwk),
      version: '0.1.0',
    }),
  })
  const { site } = enrolmentResponseSchema.parse(await response.json())
  const key = await importSigningKey(jwk)
  const opening = await importOpeningKey(siteJwk)
  return { opening, ...(await link(url, { site, name, key })) }
}

async function link(url: string, me: { site: string; name: string; key: SigningKey }) {
  const { site, name, key } = me
  const socket = new WebSocket(
    `${url.replace(/^http/, 'ws')}${LINK_PATH}?site=${site}&agent=${name}`,
  )
  const listeners = new Set<(message: FromHub) => void>()
  let welcomed: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    welcomed = resolve
  })
  let answer: ((played: PlayedOrder) => Promise<void>) | undefined
  let seq = 0
  let prev = ZERO_HASH

  socket.on('message', async (bytes) => {
    const message = fromHubSchema.parse(JSON.parse(String(bytes)))
    for (const listener of listeners) listener(message)
    if (message.type === 'challenge') {
      const { nonce } = message
      const hello = { v: 1 as const, site, agent: name, nonce, start: 1, epoch: 1, head: 0 }
      const token = await signHello({ ...hello, revision: 0, version: '0.1.0' }, key)
      socket.send(JSON.stringify({ type: 'hello', token }))
    }
    if (message.type === 'welcome') welcomed()
    if (message.type === 'site') {
      const { revision } = decodeJwt(message.token) as { revision: number }
      await played.report({ kind: 'configured', revision, detail: '' })
    }
    if (message.type === 'order') {
      const order = orderSchema.parse((decodeJwt(message.token) as { order: unknown }).order)
      await answer?.({ order, token: message.token })
    }
  })
  const played = {
    async report(...bodies: Body[]) {
      const records = bodies.map((body) => {
        seq += 1
        const common = {
          v: 1,
          site,
          agent: name,
          start: 1,
          epoch: 1,
          seq,
          prev,
          at: nodeClock.wall(),
        }
        const record = { ...common, ...body }
        prev = hashRecord(record)
        return record
      })
      const head = await signHead({ v: 1, site, agent: name, seq, hash: prev }, key)
      const upTo = seq
      const stored = new Promise<void>((resolve) => {
        const listener = (message: FromHub) => {
          if (message.type !== 'received' || message.seq < upTo) return
          listeners.delete(listener)
          resolve()
        }
        listeners.add(listener)
      })
      socket.send(JSON.stringify({ type: 'report', records, head }))
      await stored
    },
    onOrder(next: typeof answer) {
      answer = next
    },
    close: () => socket.terminate(),
  }
  await once(socket, 'open')
  await ready
  return played
}
