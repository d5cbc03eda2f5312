// Entry of the Worker as one process of `npm run dev:worker`: `node scripts/worker-process.ts --data DIR --port N`.
import { parseArgs } from 'node:util'
import { type LocalWorker, startLocalWorker } from './local-worker.ts'

const LOOK_EVERY_MS = 500

const { values } = parseArgs({
  options: { data: { type: 'string', default: '' }, port: { type: 'string', default: '0' } },
})
let worker: LocalWorker | undefined
let stopping = false
const stop = () => {
  if (stopping) return
  stopping = true
  const stopped = worker ? worker.stop() : Promise.resolve()
  stopped.then(
    () => process.exit(0),
    () => process.exit(1),
  )
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
// Whoever is killed stops nobody: then this process would stay, with workerd below it.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) stop()
}, LOOK_EVERY_MS).unref()

try {
  worker = await startLocalWorker({
    directory: values.data,
    port: Number(values.port),
    databaseUrl: process.env['PALISADE_DATABASE_URL'] ?? '',
    onLog: (line) => process.stderr.write(`${line}\n`),
  })
  console.log(`control plane\t${worker.url}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
