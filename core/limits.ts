// The judge of a site document: every limit of spec domain.md §2, all faults at once.
import { matchItems, type Named } from './identity.ts'
import { type Fault, FaultList, type RuleFault, shown, type Warning } from './limits/fault.ts'
import type { PduModels } from './limits/pdu-rules.ts'
import { readSite } from './limits/read-site.ts'
import { readinessWarnings } from './limits/readiness.ts'
import { referenceRules } from './limits/reference-rules.ts'
import { settingRules } from './limits/setting-rules.ts'
import { uniqueRules } from './limits/unique-rules.ts'
import { PDU_MODELS } from './pdu-models.ts'
import type { SiteDocument } from './site.ts'

export type SiteVerdict = { site: SiteDocument; warnings: Warning[] } | { faults: Fault[] }

/**
 * Checks a raw site document and completes it: defaults filled in, and what was left out kept from
 * `previous` (`null` takes an optional part away). Credentials must be sealed by now.
 */
export function validateSite(
  raw: unknown,
  previous?: SiteDocument,
  models: PduModels = PDU_MODELS,
): SiteVerdict {
  const faults = new FaultList()
  const site = readSite(raw, previous, faults)
  if (!faults.partial) {
    for (const { involves: _, ...fault } of checkRules(site, models)) faults.add(fault)
    for (const fault of renameFaults(site, previous)) faults.add(fault)
  }
  if (!faults.empty) return { faults: faults.toArray() }
  return { site, warnings: readinessWarnings(site) }
}

/** The rules between the objects of one document. */
export function checkRules(site: SiteDocument, models: PduModels): RuleFault[] {
  return [...uniqueRules(site), ...referenceRules(site, models), ...settingRules(site)]
}

const LISTS = ['managementServers', 'pdus', 'servers', 'clusters'] as const

/** A rename that leads nowhere would silently delete one object and add another. */
function renameFaults(site: SiteDocument, previous: SiteDocument | undefined): Fault[] {
  return LISTS.flatMap((list) => {
    const next: Named[] = site.spec[list]
    const matches = matchItems<Named>(previous?.spec[list] ?? [], next)
    return next.flatMap(({ name, renamedFrom }, index): Fault[] => {
      const twice = next.findIndex((item) => item.renamedFrom === renamedFrom) < index
      const lost = previous !== undefined && matches[index] === undefined
      if (renamedFrom === undefined || !(renamedFrom === name || twice || lost)) return []
      return [
        {
          pointer: `/spec/${list}/${index}/renamedFrom`,
          field: 'renamedFrom',
          ...shown(renamedFrom),
          allowed: 'the former name of this one object, or left out',
          detail: `${name} cannot be renamed from ${renamedFrom}: there is no such object, or it is another's`,
        },
      ]
    })
  })
}
