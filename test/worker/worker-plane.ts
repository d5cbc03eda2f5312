// A control plane under workerd on a private Postgres, and a client for it.
import { join } from 'node:path'
import { type Db, openDatabase } from '../../db/client.ts'
import { type Plane, planeAt } from '../blackbox/client.ts'
import type { Closing } from '../e2e/programs.ts'
import { startWorkerd, type Workerd } from '../e2e/workerd.ts'
import { type PrivatePostgres, startPostgres } from '../postgres.ts'

export interface WorkerPlane extends Plane {
  workerd: Workerd
  postgres: PrivatePostgres
  /** Looks behind the API, and changes what only time would. */
  database<T>(use: (db: Db) => Promise<T>): Promise<T>
}

export async function startWorkerPlane(
  closing: Closing,
  variables: Record<string, string> = {},
): Promise<WorkerPlane> {
  const postgres = await startPostgres()
  closing.add(() => postgres.stop())
  const databaseUrl = await postgres.freshDatabase()
  const directory = join(closing.directory(), 'worker')
  const workerd = await startWorkerd({ directory, databaseUrl, variables })
  closing.add(() => workerd.stop())
  const database = async <T>(use: (db: Db) => Promise<T>) => {
    const { db, close } = openDatabase(databaseUrl, { connections: 1 })
    try {
      return await use(db)
    } finally {
      await close()
    }
  }
  return { ...planeAt(workerd.url, workerd.adminToken), workerd, postgres, database }
}
