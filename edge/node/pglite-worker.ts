// The embedded database in a thread of its own: in the main thread it would starve every timer
// (spec stack.md §0). Speaks the Postgres protocol on a Unix socket.
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const { directory, socketPath }: { directory: string; socketPath: string } = workerData

const database = await PGlite.create(directory)
const server = new PGLiteSocketServer({ db: database, path: socketPath, maxConnections: 20 })
await server.start()

parentPort?.on('message', async () => {
  await server.stop()
  await database.close()
  parentPort?.postMessage('stopped')
  parentPort?.close()
})
parentPort?.postMessage('ready')
