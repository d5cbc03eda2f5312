// A UDP relay on loopback between a client and a server, for losing, delaying, doubling and reordering
// single datagrams by rule.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

export interface Passing {
  /** `request` goes to the server, `reply` comes from it. */
  direction: 'request' | 'reply'
  datagram: Buffer
  /** Counts the datagrams of this direction from 1. */
  ordinal: number
}

/** Copies to forward, each after its delay in ms: [] drops, [0] passes, [0, 0] doubles, [50] delays. */
export type Rule = (passing: Passing) => number[]

export const PASS: Rule = () => [0]

export class UdpRelay {
  /** May be replaced at any time. */
  rule: Rule = PASS
  readonly #target: { address: string; port: number }
  readonly #front: Socket
  /** One socket towards the server per client, so that the server sees them apart. */
  readonly #backs = new Map<string, Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #ordinals = { request: 0, reply: 0 }

  constructor(target: { address: string; port: number }, front: Socket) {
    this.#target = target
    this.#front = front
    front.on('message', (datagram, from) => {
      const back = this.#backFor(from.address, from.port)
      this.#pass('request', datagram, () => {
        back.send(datagram, this.#target.port, this.#target.address)
      })
    })
  }

  get port(): number {
    return this.#front.address().port
  }

  /** Datagrams seen so far in a direction, dropped ones included. */
  seen(direction: Passing['direction']): number {
    return this.#ordinals[direction]
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const back of this.#backs.values()) back.close()
    this.#front.close()
  }

  #backFor(address: string, port: number): Socket {
    const client = `${address} ${port}`
    const known = this.#backs.get(client)
    if (known) return known
    const back = createSocket('udp4')
    back.on('error', () => {})
    back.on('message', (datagram) => {
      this.#pass('reply', datagram, () => this.#front.send(datagram, port, address))
    })
    this.#backs.set(client, back)
    return back
  }

  #pass(direction: Passing['direction'], datagram: Buffer, forward: () => void): void {
    const ordinal = ++this.#ordinals[direction]
    for (const delayMs of this.rule({ direction, datagram, ordinal })) {
      if (delayMs === 0) {
        forward()
        continue
      }
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        forward()
      }, delayMs)
      this.#timers.add(timer)
    }
  }
}

/** Opens a relay on a free port of 127.0.0.1. */
export async function openUdpRelay(target: { address: string; port: number }): Promise<UdpRelay> {
  const front = createSocket('udp4')
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  return new UdpRelay(target, front)
}
