// The hub's side of the link for tests: a real WebSocket server that stores what agents report.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { onTestFinished } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { hashRecord, verifyHead, verifyHello } from '../../protocol/chain.ts'
import {
  importVerifyingKey,
  type PublicSigningJwk,
  type VerifyingKey,
} from '../../protocol/keys.ts'
import { type FromHub, fromAgentSchema, type Hello } from '../../protocol/link.ts'
import type { JournalRecord } from '../../protocol/report.ts'

export class HubStub {
  readonly records = new Map<number, JournalRecord>()
  readonly hellos: Hello[] = []
  readonly journalled: string[] = []
  readonly faults: string[] = []
  readonly queries: string[] = []
  readonly sockets = new Set<WebSocket>()
  reports = 0
  duplicates = 0
  pings = 0
  answersPings = true
  /** What the hub claims as its own time. */
  nowMs = 1_795_000_000_000
  /** Overrides what the welcome says was received. */
  claims: number | undefined
  /** Called for each report, before it is stored; false cuts the connection instead of answering. */
  onReport: (stage: 'before' | 'after') => boolean = () => true
  /** Called for each good hello, before the welcome goes out. */
  beforeWelcome: (socket: WebSocket) => void = () => {}
  readonly #key: VerifyingKey
  readonly #server: Server
  #nonces = 0

  constructor(server: Server, key: VerifyingKey) {
    this.#server = server
    this.#key = key
    const wss = new WebSocketServer({ server })
    wss.on('connection', (socket, request) => {
      this.queries.push(request.url ?? '')
      this.#connect(socket)
    })
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  /** The newest sequence up to which there is no gap. */
  get received(): number {
    let seq = 0
    while (this.records.has(seq + 1)) seq += 1
    return seq
  }

  say(message: FromHub): void {
    for (const socket of this.sockets) socket.send(JSON.stringify(message))
  }

  cut(): void {
    for (const socket of this.sockets) socket.terminate()
  }

  #connect(socket: WebSocket): void {
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('error', () => {})
    this.#nonces += 1
    const nonce = `nonce-${this.#nonces}`
    const send = (message: FromHub) => socket.send(JSON.stringify(message))
    let turn = Promise.resolve()
    socket.on('message', (raw) => {
      turn = turn.then(() => this.#hear(JSON.parse(String(raw)), nonce, send, socket))
    })
    send({ type: 'challenge', v: 1, nonce, nowMs: this.nowMs })
  }

  async #hear(
    raw: { records?: JournalRecord[] },
    nonce: string,
    send: (message: FromHub) => void,
    socket: WebSocket,
  ): Promise<void> {
    const message = fromAgentSchema.parse(raw)
    switch (message.type) {
      case 'ping':
        this.pings += 1
        if (this.answersPings) socket.send('{"type":"pong"}')
        return
      case 'journalled':
        this.journalled.push(message.order)
        return
      case 'hello': {
        const keys = [this.#key]
        const verified = await verifyHello(message.token, { keys, site: 'tokyo1', nonce })
        if ('refused' in verified) return socket.close(4401, verified.detail)
        this.hellos.push(verified.hello)
        this.beforeWelcome(socket)
        const received = this.claims ?? this.received
        return send({ type: 'welcome', received, nowMs: this.nowMs })
      }
      case 'report':
        return await this.#store(raw.records ?? [], message.head, send, socket)
    }
  }

  async #store(
    records: JournalRecord[],
    token: string,
    send: (message: FromHub) => void,
    socket: WebSocket,
  ): Promise<void> {
    this.reports += 1
    if (!this.onReport('before')) return socket.terminate()
    const last = records.at(-1)
    const verified = await verifyHead(token, { keys: [this.#key], site: 'tokyo1', agent: 'HACON1' })
    if ('refused' in verified || last === undefined) this.faults.push('bad head')
    else if (verified.head.seq !== last.seq || verified.head.hash !== hashRecord(last)) {
      this.faults.push(`head ${verified.head.seq} is not of the batch`)
    }
    for (const record of records) {
      const known = this.records.get(record.seq)
      if (known !== undefined) this.duplicates += 1
      if (known !== undefined && hashRecord(known) !== hashRecord(record)) {
        this.faults.push(`record ${record.seq} came in two ways`)
      }
      this.records.set(record.seq, record)
    }
    if (!this.onReport('after')) return socket.terminate()
    send({ type: 'received', seq: this.received, nowMs: this.nowMs })
  }
}

export async function startHub(key: PublicSigningJwk): Promise<HubStub> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hub = new HubStub(server, await importVerifyingKey(key))
  onTestFinished(() => {
    hub.cut()
    server.close()
  })
  return hub
}
