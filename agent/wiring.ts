// Whether the wiring of each server is proven: kept over restarts, shown, and handed to ladders as evidence.
import type { Course } from '../core/course.ts'
import type { OperationEnding, Outlet } from '../core/operation.ts'
import type { Clock } from '../core/ports.ts'
import { findManagementServer, findServer, type SiteDocument } from '../core/site.ts'
import { wiringText } from '../core/wiring.ts'
import type { Proofs } from './proofs.ts'

export class Wiring {
  readonly #proofs: Proofs
  readonly #clock: Clock
  readonly #observe: (server: string, provenAt: string | undefined) => void

  constructor(
    proofs: Proofs,
    clock: Clock,
    observe: (server: string, provenAt: string | undefined) => void,
  ) {
    this.#proofs = proofs
    this.#clock = clock
    this.#observe = observe
  }

  /** When a test proved the wiring as the document has it, RFC 3339. */
  findProof(site: SiteDocument, server: string): string | undefined {
    const wiring = wiringText(site, server)
    return wiring === undefined ? undefined : this.#proofs.find('wiring', server, wiring)
  }

  /** Takes in how a test ended. Only one of all feeds, as they stand in the document now, proves anything. */
  finished(
    site: SiteDocument | undefined,
    { server }: Course,
    { wiringProven, feeds: tested = [] }: OperationEnding,
  ): void {
    const wiring = site && wiringText(site, server)
    if (!site || wiring === undefined || wiringProven === undefined) return
    const names = new Set(tested.map(nameOf))
    const { feeds = [] } = findServer(site, server) ?? findManagementServer(site, server) ?? {}
    if (!wiringProven) this.#proofs.refute('wiring', server)
    else if (feeds.every((feed) => names.has(nameOf(feed)))) {
      this.#proofs.prove('wiring', server, wiring, this.#clock.wall())
    }
    this.show(site)
  }

  show(site: SiteDocument): void {
    for (const { name, feeds } of [...site.spec.servers, ...site.spec.managementServers]) {
      if (feeds.length > 0) this.#observe(name, this.findProof(site, name))
    }
  }
}

function nameOf({ pdu, outlet }: Outlet): string {
  return `${pdu}/${outlet}`
}
