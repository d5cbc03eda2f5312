// The default database: for evaluation, because it never fsyncs. A power cut may lose what was answered.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

export interface EmbeddedDatabase {
  /** For `openDatabase`. */
  url: string
  stop(): Promise<void>
}

/** Longest path that every system takes for a Unix socket. */
const SOCKET_PATH_MAX = 100

/** Starts on files under `directory`, which the caller has locked. Nobody but this user can reach the socket. */
export async function startEmbeddedDatabase(directory: string): Promise<EmbeddedDatabase> {
  const files = join(directory, 'database')
  mkdirSync(files, { recursive: true, mode: 0o700 })
  const socket = makeSocketPath(directory)
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { directory: files, socketPath: socket.path },
  })
  try {
    await messageOf(worker, 'ready')
  } catch (error) {
    socket.remove()
    throw new Error('the embedded database does not start', { cause: error })
  }
  return {
    url: `unix:${socket.path}`,
    async stop() {
      const stopped = messageOf(worker, 'stopped')
      worker.postMessage('stop')
      await stopped
      await worker.terminate()
      socket.remove()
    },
  }
}

function makeSocketPath(directory: string): { path: string; remove: () => void } {
  const inside = join(directory, 'socket')
  const path = join(inside, 'postgres')
  if (path.length > SOCKET_PATH_MAX) {
    const elsewhere = mkdtempSync(join(tmpdir(), 'palisade-'))
    return {
      path: join(elsewhere, 'postgres'),
      remove: () => rmSync(elsewhere, { recursive: true, force: true }),
    }
  }
  mkdirSync(inside, { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  return { path, remove: () => rmSync(path, { force: true }) }
}

function messageOf(worker: Worker, wanted: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.off('exit', onExit)
      outcome()
    }
    const onMessage = (message: unknown) => {
      if (message === wanted) settle(resolve)
    }
    const onError = (error: unknown) => settle(() => reject(error))
    const onExit = (code: number) =>
      settle(() => reject(new Error(`the database thread ended with ${code}`)))
    worker.on('message', onMessage)
    worker.on('error', onError)
    worker.on('exit', onExit)
  })
}
