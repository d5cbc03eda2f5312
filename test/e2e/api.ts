// The control plane as a client over HTTP sees it.
import { randomUUID } from 'node:crypto'
import type { ResetView } from '../../protocol/reset-view.ts'
import { until } from './programs.ts'

export interface Answer {
  status: number
  type: string
  headers: Headers
  text: string
  /** Undefined when the answer is no JSON. */
  json: unknown
}

export interface Asking {
  /** Default: a key of its own for each POST. */
  key?: string
  token?: string
  headers?: Record<string, string>
  /** Sent as it stands. */
  body?: string
  signal?: AbortSignal
}

export interface Problem {
  code: string
  status: number
  detail: string
  result?: string
  reset?: string
}

interface Shown {
  value: string
  stale?: boolean
}

export interface SiteStatus {
  agents: { name: string; connected: boolean }[]
  servers: { name: string; power: Shown; bmc: Shown; pdu: Shown }[]
  pdus: { name: string; link: Shown; outlets: { outlet: number; state: Shown; owner: string }[] }[]
  systems: { number: number; state: Shown }[]
}

export class Api {
  readonly url: string
  readonly token: string

  constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  /** The same control plane for somebody else. */
  as(token: string): Api {
    return new Api(this.url, token)
  }

  async ask(method: string, path: string, content?: object, asking: Asking = {}): Promise<Answer> {
    const { key = randomUUID(), token = this.token, headers, signal } = asking
    const body = asking.body ?? (content === undefined ? undefined : JSON.stringify(content))
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(method === 'POST' ? { 'idempotency-key': key } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    })
    const text = await response.text()
    const type = response.headers.get('content-type') ?? ''
    const json: unknown =
      /\bjson\b/.test(type) && !/ndjson/.test(type) ? JSON.parse(text) : undefined
    return { status: response.status, type, headers: response.headers, text, json }
  }

  /** The answer to a request that has to succeed. */
  async get<T>(path: string): Promise<T> {
    const { status, json, text } = await this.ask('GET', path)
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`)
    return json as T
  }

  /** Asks for a reset that has to be accepted. */
  async reset(content: object, key?: string): Promise<ResetView> {
    const ask = { site: 'lab', mode: 'ladder', reason: 'end to end', ...content }
    const answer = await this.ask('POST', '/v1/resets', ask, key === undefined ? {} : { key })
    if (answer.status !== 202) throw new Error(`POST /v1/resets: ${answer.status} ${answer.text}`)
    return answer.json as ResetView
  }

  /** One reset, with `waitS` once `fenced` is decided. */
  view(id: string, waitS = 0): Promise<ResetView> {
    return this.get(`/v1/resets/${id}?wait=${waitS}`)
  }

  /** The reset when nothing will happen to it any more, its recovery included. */
  async end(id: string, timeoutMs = 40_000): Promise<ResetView> {
    let last: ResetView | undefined
    return await until(`end of reset ${id}`, timeoutMs, async () => {
      last = await this.view(id)
      return last.endedAt === null ? false : last
    }).catch((cause) => {
      throw new Error(`${cause.message}; last seen: ${JSON.stringify(last)}`, { cause })
    })
  }

  status(site = 'lab'): Promise<SiteStatus> {
    return this.get(`/v1/sites/${site}/status`)
  }

  /** Resolves once an agent is connected and every device of the site answers. */
  async allLinksOk(site = 'lab', timeoutMs = 20_000): Promise<SiteStatus> {
    let last: SiteStatus | undefined
    return await until(`all links of ${site} OK`, timeoutMs, async () => {
      last = await this.status(site)
      const { agents, servers, pdus } = last
      const fits = (value: Shown, ...allowed: string[]) =>
        value.stale !== true && allowed.includes(value.value)
      return (
        agents.some(({ connected }) => connected) &&
        servers.length > 0 &&
        servers.every(
          ({ power, bmc, pdu }) => fits(power, 'pon') && fits(bmc, 'OK') && pdu.value !== 'NG',
        ) &&
        pdus.every(({ link }) => fits(link, 'OK')) &&
        last
      )
    }).catch((cause) => {
      throw new Error(`${cause.message}; last seen: ${JSON.stringify(last)}`, { cause })
    })
  }

  async makeToken(content: object): Promise<string> {
    const answer = await this.ask('POST', '/v1/tokens', content)
    if (answer.status !== 201) throw new Error(`POST /v1/tokens: ${answer.status} ${answer.text}`)
    return (answer.json as { token: string }).token
  }
}
