// The sockets of a hub that sleeps: the platform holds them meanwhile, with what is attached to each. Nothing is
// kept here, so that a hub that was replaced finds them as it left them.
import type { Clock, Random } from '../../core/ports.ts'
import { PING_TEXT, PONG_TEXT } from '../../protocol/link.ts'
import { randomText } from '../auth.ts'
import type { LinkState, Sockets } from '../hub-ports.ts'

/** At most 2 KiB; names and keys are bounded, so it is a quarter of that. */
interface Attachment {
  id: string
  state: LinkState
  /** When a message last woke the hub; pings do not. */
  heardAtMs: number
  /** Its end was dealt with. */
  over?: true
}

export class HibernatingSockets implements Sockets {
  readonly #ctx: DurableObjectState
  readonly #clock: Clock
  readonly #random: Random

  constructor(ctx: DurableObjectState, clock: Clock, random: Random) {
    this.#ctx = ctx
    this.#clock = clock
    this.#random = random
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING_TEXT, PONG_TEXT))
  }

  /** Takes over the server's end of a new connection; returns its id. */
  accept(socket: WebSocket): string {
    const id = randomText(this.#random, 12)
    const nowMs = this.#clock.wallMs()
    this.#ctx.acceptWebSocket(socket, [id])
    attach(socket, { id, state: { nonce: '', openedAtMs: nowMs }, heardAtMs: nowMs })
    return id
  }

  /** Notes that something was heard; undefined for a socket that is being closed. */
  heard(socket: WebSocket): string | undefined {
    if (!isOpen(socket)) return undefined
    const attachment = attachmentOf(socket)
    attach(socket, { ...attachment, heardAtMs: this.#clock.wallMs() })
    return attachment.id
  }

  /** What is known of a connection that has ended; undefined from the second time on. */
  ended(socket: WebSocket): { id: string; state: LinkState } | undefined {
    const attachment = attachmentOf(socket)
    if (attachment.over) return undefined
    attach(socket, { ...attachment, over: true })
    return attachment
  }

  list(): { id: string; state: LinkState }[] {
    return this.#ctx
      .getWebSockets()
      .filter(isOpen)
      .map((socket) => attachmentOf(socket))
  }

  find(id: string): LinkState | undefined {
    const socket = this.#find(id)
    return socket && attachmentOf(socket).state
  }

  remember(id: string, state: LinkState): void {
    const socket = this.#find(id)
    if (socket) attach(socket, { ...attachmentOf(socket), state })
  }

  send(id: string, text: string): void {
    const socket = this.#find(id)
    if (socket && isOpen(socket)) socket.send(text)
  }

  close(id: string, code: number, reason: string): void {
    const socket = this.#find(id)
    if (socket && isOpen(socket)) socket.close(code, reason)
  }

  heardAtMs(id: string): number {
    const socket = this.#find(id)
    if (!socket) return 0
    const pingedAt = this.#ctx.getWebSocketAutoResponseTimestamp(socket)
    return Math.max(attachmentOf(socket).heardAtMs, pingedAt?.getTime() ?? 0)
  }

  #find(id: string): WebSocket | undefined {
    return this.#ctx.getWebSockets(id)[0]
  }
}

function isOpen(socket: WebSocket): boolean {
  return socket.readyState === WebSocket.READY_STATE_OPEN
}

function attachmentOf(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment
}

function attach(socket: WebSocket, attachment: Attachment): void {
  socket.serializeAttachment(attachment)
}
