// Whether a reset was ever seen to work on each server: that the BMC, under the account set up for it now, has
// stopped the machine. What links say is a promise; only this is a proof (spec domain.md §6).
import type { Clock } from '../core/ports.ts'
import { findServer, type SiteDocument } from '../core/site.ts'
import type { Proofs } from './proofs.ts'

export class SeenResets {
  readonly #proofs: Proofs
  readonly #clock: Clock
  readonly #observe: (server: string, seenAt: string | undefined) => void

  constructor(
    proofs: Proofs,
    clock: Clock,
    observe: (server: string, seenAt: string | undefined) => void,
  ) {
    this.#proofs = proofs
    this.#clock = clock
    this.#observe = observe
  }

  /** An effect of ours through its BMC was seen to stop this server. */
  stopped(site: SiteDocument | undefined, server: string): void {
    const subject = site && subjectOf(site, server)
    if (subject === undefined) return
    const at = this.#clock.wall()
    this.#proofs.prove('reset', server, subject, at)
    this.#observe(server, at)
  }

  show(site: SiteDocument): void {
    for (const { name } of site.spec.servers) {
      const subject = subjectOf(site, name)
      this.#observe(name, subject && this.#proofs.find('reset', name, subject))
    }
  }
}

function subjectOf(site: SiteDocument, server: string): string | undefined {
  const bmc = findServer(site, server)?.bmc
  return bmc && `${bmc.address} ${bmc.port} ${bmc.username}`
}
