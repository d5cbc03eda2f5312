// A control plane under workerd on a private Postgres, and a client for it.
import { join } from 'node:path'
import { type Plane, planeAt } from '../blackbox/client.ts'
import type { Closing } from '../e2e/programs.ts'
import { startWorkerd, type Workerd } from '../e2e/workerd.ts'
import { type PrivatePostgres, startPostgres } from '../postgres.ts'

export interface WorkerPlane extends Plane {
  workerd: Workerd
  postgres: PrivatePostgres
  databaseUrl: string
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
  return { ...planeAt(workerd.url, workerd.adminToken), workerd, postgres, databaseUrl }
}
