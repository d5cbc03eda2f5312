// The token of the first administrator, which comes from the settings and not from the API.
import type { Clock } from '../core/ports.ts'
import type { Db } from '../db/client.ts'
import { createToken } from '../db/tokens.ts'
import { hashToken } from './auth.ts'

/** One that was revoked stays so: its hash is known already. */
export async function registerAdminToken(db: Db, token: string, clock: Clock): Promise<void> {
  const hash = hashToken(token)
  await createToken(db, {
    id: `tok_${hash.slice(0, 24)}`,
    hash,
    name: 'admin',
    scope: 'admin',
    site: null,
    cluster: null,
    createdAt: clock.wall(),
    createdBy: 'start',
    expiresAtMs: null,
  })
}
