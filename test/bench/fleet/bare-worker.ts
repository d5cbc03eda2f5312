// The bare server as a Worker: a site's requests go to its object, which holds the connections, as in the control
// plane; a client for each request would be five times slower.
import type { Hono } from 'hono'
import postgres from 'postgres'
import { bareApp } from './bare-app.ts'

interface Bindings {
  HYPERDRIVE: { connectionString: string }
  BARE: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
}

class Bare {
  readonly #app: Hono

  constructor(_state: unknown, { HYPERDRIVE }: Bindings) {
    const sql = postgres(HYPERDRIVE.connectionString, { max: 5, fetch_types: false })
    this.#app = bareApp(sql)
  }

  async fetch(request: Request): Promise<Response> {
    return await this.#app.fetch(request)
  }
}

const worker = {
  async fetch(request: Request, { BARE }: Bindings): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const site = searchParams.get('site') ?? pathname.split('/')[3] ?? ''
    return await BARE.get(BARE.idFromName(site)).fetch(request)
  },
}

export { Bare, worker as default }
