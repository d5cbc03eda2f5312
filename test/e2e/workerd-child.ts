// The process that a test kills: the Worker under workerd, and orders to it by the channel to its parent.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { startLocalWorker } from '../../scripts/local-worker.ts'

export type ToChild = { id: number; act: 'evict' | 'trigger'; of: string }
export type FromChild = { url: string } | { id: number; fault?: string }

const [directory = '', port = '0'] = process.argv.slice(2)
const worker = await startLocalWorker({
  directory,
  port: Number(port),
  databaseUrl: process.env['PALISADE_DATABASE_URL'] ?? '',
  variables: JSON.parse(process.env['PALISADE_VARIABLES'] ?? '{}') as Record<string, string>,
  onLog: (line) => appendFileSync(join(directory, 'worker.log'), `${line}\n`),
})
const tell = (message: FromChild) => process.send?.(message)

process.on('message', ({ id, act, of }: ToChild) => {
  worker[act](of).then(
    () => tell({ id }),
    (error: unknown) => tell({ id, fault: String(error) }),
  )
})
process.on('SIGTERM', () => {
  worker.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
tell({ url: worker.url })
