// The document of a site, for whatever cannot do without one.
import type { SiteDocument } from '../core/site.ts'
import type { Db } from '../db/client.ts'
import { findSite } from '../db/sites.ts'
import { unknownSite } from './auth.ts'
import { ApiError } from './errors.ts'

/** Throws ApiError while nothing was applied yet. */
export function documentOf(name: string, { document }: { document: unknown }): SiteDocument {
  if (document !== null) return document as SiteDocument
  throw new ApiError('site-not-configured', `site ${name} has no document yet`)
}

/** Throws ApiError when there is no such site, or nothing was applied yet. */
export async function findConfigured(
  db: Db,
  name: string,
): Promise<{ site: SiteDocument; revision: number }> {
  const row = await findSite(db, name)
  if (!row) throw unknownSite(name)
  return { site: documentOf(name, row), revision: row.revision }
}
