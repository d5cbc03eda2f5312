// A reader of server-sent events, as a browser or a script is one.
import { until } from './programs.ts'

export interface StreamEvent {
  id: number
  event: string
  /** Epoch milliseconds of its arrival. */
  at: number
  content: { type: string; site: string; payload: Record<string, unknown> }
}

export class EventStream {
  readonly events: StreamEvent[] = []
  readonly #abort = new AbortController()
  #text = ''

  /** Resolves once the server has begun to answer. */
  static async open(
    { url, token }: { url: string; token: string },
    { path = '/v1/events', after }: { path?: string; after?: number } = {},
  ): Promise<EventStream> {
    const stream = new EventStream()
    const response = await fetch(`${url}${path}`, {
      signal: stream.#abort.signal,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'text/event-stream',
        ...(after === undefined ? {} : { 'last-event-id': String(after) }),
      },
    })
    const type = response.headers.get('content-type') ?? ''
    if (response.status !== 200 || !response.body || !type.startsWith('text/event-stream')) {
      throw new Error(`GET ${path}: ${response.status} ${type}`)
    }
    const connected = Promise.withResolvers<void>()
    void stream.#read(response.body, connected.resolve).catch(connected.reject)
    await connected.promise
    return stream
  }

  close(): void {
    this.#abort.abort()
  }

  find(what: string, fits: (event: StreamEvent) => boolean): Promise<StreamEvent> {
    return until(what, 10_000, () => this.events.find(fits) ?? false)
  }

  async #read(body: ReadableStream<Uint8Array>, connected: () => void): Promise<void> {
    const decoder = new TextDecoder()
    try {
      for await (const chunk of body) {
        connected()
        this.#text += decoder.decode(chunk, { stream: true })
        const blocks = this.#text.split('\n\n')
        this.#text = blocks.pop() ?? ''
        for (const block of blocks) this.#take(block)
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error
    }
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const
      }),
    )
    const content = fields.get('data')
    if (content === undefined) return
    this.events.push({
      id: Number(fields.get('id')),
      event: fields.get('event') ?? '',
      at: Date.now(),
      content: JSON.parse(content) as StreamEvent['content'],
    })
  }
}
