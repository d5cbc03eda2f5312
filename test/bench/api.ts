// The control plane as the bench asks it: every request on a connection of its own, as a fence agent makes it.
import { type ClientRequest, request } from 'node:http'
import { until } from './instants.ts'

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
  body: any
}

export class BenchApi {
  readonly url: string
  readonly adminToken: string

  constructor({ url, adminToken }: { url: string; adminToken: string }) {
    this.url = url
    this.adminToken = adminToken
  }

  /** `sending` is called as it leaves. */
  ask(method: string, path: string, body?: object, sending = () => {}): Promise<Reply> {
    const headers = {
      authorization: `Bearer ${this.adminToken}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      'idempotency-key': crypto.randomUUID(),
    }
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: false } as const
      const asked = request(`${this.url}${path}`, options, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8')
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) })
        })
      })
      asked.on('error', reject)
      sending()
      end(asked, body)
    })
  }

  /** Asks for a reset and resolves with its id; throws when it is refused. */
  async reset(
    { site, server, mode }: { site: string; server: string; mode: string },
    sending = () => {},
  ): Promise<string> {
    const body = { site, target: { server }, mode, reason: 'bench' }
    const reply = await this.ask('POST', '/v1/resets', body, sending)
    if (reply.status !== 202) throw new Error(`${server}: ${JSON.stringify(reply.body)}`)
    return reply.body.id
  }

  /** The reset once it has ended. */
  async ended(id: string, timeoutMs = 30_000): Promise<Reply['body']> {
    let view: Reply['body']
    await until(`reset ${id} ends`, timeoutMs, async () => {
      view = (await this.ask('GET', `/v1/resets/${id}`)).body
      return view.endedAt !== null
    })
    return view
  }
}

function end(asked: ClientRequest, body: object | undefined): void {
  if (body) asked.end(JSON.stringify(body))
  else asked.end()
}
