// The connection under the database driver. The driver's own for Workers forgets a socket that the other end has
// closed: the platform then counts it for ever, and the object that opened it never sleeps again.
import { connect } from 'cloudflare:sockets'

type Listener = (given?: unknown) => void

/** As much of Node's socket as the driver uses. */
export class DatabaseSocket {
  readyState: 'open' | 'closed' = 'open'
  readonly #raw: Socket
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #listeners = new Map<string, Set<Listener>>()

  constructor(raw: Socket) {
    this.#raw = raw
    this.#writer = raw.writable.getWriter()
    void this.#read()
  }

  on(event: string, listener: Listener): this {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return this
  }

  once(event: string, listener: Listener): this {
    const first: Listener = (given) => {
      this.removeListener(event, first)
      listener(given)
    }
    return this.on(event, first)
  }

  removeListener(event: string, listener: Listener): this {
    this.#listeners.get(event)?.delete(listener)
    return this
  }

  removeAllListeners(): this {
    this.#listeners.clear()
    return this
  }

  write(bytes: Uint8Array, done?: () => void): boolean {
    this.#writer.write(bytes).then(
      () => done?.(),
      (error: unknown) => this.#close(error),
    )
    return true
  }

  /** Sends the last bytes, if there are any, and closes. */
  end(bytes?: Uint8Array): void {
    if (bytes === undefined) this.#close()
    else this.write(bytes, () => this.#close())
  }

  destroy(): void {
    this.#close()
  }

  async #read(): Promise<void> {
    const reader = this.#raw.readable.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return this.#close()
        this.#emit('data', Buffer.from(value))
      }
    } catch (error) {
      this.#close(error)
    }
  }

  #close(error?: unknown): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.#raw.close().catch(() => {})
    if (error !== undefined) this.#emit('error', error)
    this.#emit('close')
  }

  #emit(event: string, given?: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(given)
  }
}

/** Never throws: a connection that cannot be had is told by `error` and `close`. */
export function openDatabaseSocket({
  host,
  port,
}: {
  host: string[]
  port: number[]
}): DatabaseSocket {
  return new DatabaseSocket(connect({ hostname: host[0] ?? '', port: port[0] ?? 5432 }))
}
