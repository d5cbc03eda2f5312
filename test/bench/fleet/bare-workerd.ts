// The bare server under workerd, by wrangler as the control plane is.
import { join } from 'node:path'
import { startWorker } from '../../../scripts/wrangler.ts'

const url = new URL(process.env['DATABASE_URL'] ?? '')
// Hyperdrive takes no URL without a password.
if (url.password === '') url.password = 'none'
process.env['CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_HYPERDRIVE'] = url.href

const worker = await startWorker({
  config: join(import.meta.dirname, 'bare-worker.toml'),
  build: { nodejsCompatMode: 'v2' },
  dev: {
    server: { hostname: '127.0.0.1', port: 0 },
    persist: false,
    logLevel: 'error',
    watch: false,
    inspector: false,
    registry: undefined,
  },
})
await worker.ready
console.log(`control plane\t${(await worker.url).origin}`)
process.once('SIGTERM', () => void worker.dispose().then(() => process.exit(0)))
