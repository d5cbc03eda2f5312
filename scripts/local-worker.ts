// The Worker on this machine: the very bundle that is deployed, under workerd, with its objects' storage in the data
// directory. Needs neither an account nor a network.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freeTcpPort } from './tcp-port.ts'
import { startWorker } from './wrangler.ts'

const root = join(import.meta.dirname, '..')
const WORKER = 'palisade'
const SITE_CLASS = 'SiteHub'

export interface LocalWorkerOptions {
  /** With `signing-key.jwk` and `admin-token` in it. */
  directory: string
  port: number
  databaseUrl: string
  /** Further variables of the Worker. */
  variables?: Record<string, string>
  /** Lines that the Worker logs. */
  onLog(line: string): void
}

export interface LocalWorker {
  url: string
  /** Puts the object of a site to sleep, as the platform does; its connections stay. */
  evict(site: string): Promise<void>
  /** Lets one of the triggers of `wrangler.toml` come now. */
  trigger(cron: string): Promise<void>
  stop(): Promise<void>
}

/** Throws when the port is taken, which wrangler would wait out for ever. */
export async function startLocalWorker(options: LocalWorkerOptions): Promise<LocalWorker> {
  const { directory, databaseUrl, variables = {}, onLog } = options
  const port = await freeTcpPort(options.port)
  const secret = (file: string) => ({
    type: 'secret_text' as const,
    value: readFileSync(join(directory, file), 'utf8').trim(),
  })
  const storage = join(directory, 'objects')
  mkdirSync(storage, { recursive: true, mode: 0o700 })
  // Wrangler takes it from here alone.
  process.env['CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE'] =
    withPassword(databaseUrl)
  const worker = await startWorker({
    config: join(root, 'wrangler.toml'),
    bindings: {
      PALISADE_SIGNING_KEY: secret('signing-key.jwk'),
      PALISADE_ADMIN_TOKEN: secret('admin-token'),
      ...Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [
          name,
          { type: 'plain_text' as const, value },
        ]),
      ),
    },
    build: { nodejsCompatMode: 'v2' },
    dev: {
      server: { hostname: '127.0.0.1', port },
      persist: storage,
      logLevel: 'error',
      watch: false,
      inspector: false,
      registry: undefined,
      structuredLogsHandler: ({ message }: { message: string }) => onLog(message),
    },
  })
  await worker.ready
  const url = (await worker.url).origin
  const runtime = () => {
    const [first] = worker.raw.runtimes as unknown as { mf: Runtime }[]
    if (!first) throw new Error('the runtime does not run')
    return first.mf
  }
  return {
    url,
    evict: (site) =>
      runtime().unsafeEvictDurableObject(WORKER, SITE_CLASS, {
        name: site,
        webSockets: 'hibernate',
      }),
    async trigger(cron) {
      const { outcome } = await (await runtime().getWorker(WORKER)).scheduled({ cron })
      if (outcome !== 'ok') throw new Error(`the trigger ended with ${outcome}`)
    },
    stop: () => worker.dispose(),
  }
}

/** Hyperdrive takes no URL without a password; a database that asks for none takes any. */
function withPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  if (url.password === '') url.password = 'none'
  return url.href
}

/** What of the runtime below wrangler is used here. */
interface Runtime {
  getWorker(
    worker: string,
  ): Promise<{ scheduled(options: { cron: string }): Promise<{ outcome: string }> }>
  unsafeEvictDurableObject(
    worker: string,
    className: string,
    options: { name: string; webSockets: 'hibernate' | 'close' },
  ): Promise<void>
}
