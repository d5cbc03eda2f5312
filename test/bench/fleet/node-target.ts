// The control plane as one Node process.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../postgres.ts'
import { startServer } from './server-process.ts'
import type { Target } from './target.ts'

export async function startNodeTarget(): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-fleet-'))
  const database = await startPostgres({ durable: true })
  const closeDatabase = async () => {
    await database.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const databaseUrl = await database.freshDatabase()
    const data = join(directory, 'control-plane')
    const server = await startServer('edge/node/main.ts', ['--data', data, '--port', '0'], {
      PALISADE_DATABASE_URL: databaseUrl,
    })
    return {
      name: 'Node + Postgres 15',
      url: server.url,
      adminToken: readFileSync(join(data, 'admin-token'), 'utf8').trim(),
      databaseUrl,
      restMs: 5000,
      pids: server.pids,
      startBare: () =>
        startServer('test/bench/fleet/bare-node.ts', [], { DATABASE_URL: databaseUrl }),
      async stop() {
        await server.stop()
        await closeDatabase()
      },
    }
  } catch (error) {
    await closeDatabase()
    throw error
  }
}
