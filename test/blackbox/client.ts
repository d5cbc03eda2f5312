// A client of a control plane, wherever and on whatever it runs.
export interface Answer {
  status: number
  type: string
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged by what the tests expect of them.
  body: any
}

export interface Ask {
  method?: string
  body?: unknown
  token?: string | null
  key?: string
  headers?: Record<string, string>
}

export interface Plane {
  url: string
  admin: string
  ask(path: string, ask?: Ask): Promise<Answer>
  /** Makes a token and returns its secret. */
  token(body: object): Promise<string>
}

let clients = 0

/** Asks as the administrator unless told otherwise; every change has a key of its own. */
export function planeAt(url: string, admin: string): Plane {
  const client = ++clients
  let keys = 0
  const ask = async (path: string, options: Ask = {}): Promise<Answer> => {
    const { method = 'GET', body, token = admin, headers } = options
    const key = options.key ?? `key-${client}-${++keys}`
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' ? {} : { 'idempotency-key': key }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const type = response.headers.get('content-type') ?? ''
    const text = await response.text()
    const isJson = /^application\/(problem\+)?json/.test(type)
    const { status } = response
    return { status, type, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  return {
    url,
    admin,
    ask,
    async token(body) {
      const { status, body: made } = await ask('/v1/tokens', { method: 'POST', body })
      if (status !== 201) throw new Error(`no token: ${JSON.stringify(made)}`)
      return made.token
    },
  }
}
