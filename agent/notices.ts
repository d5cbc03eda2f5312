// Stop notices as the agent keeps them: which system stopped, how fresh the word is, and what of it is
// worth a record (spec domain.md §3).

import type { SystemAddress } from '../core/plan.ts'
import type { SiteDocument } from '../core/site.ts'
import {
  findNoticeSystem,
  heardWithin,
  isFresh,
  type NoticeHistory,
  recordNotice,
} from '../core/stop-notice.ts'

/** A notice heard this shortly before a request spares the dump another interrupt (spec domain.md §3). */
const RECENT_NOTICE_MS = 20_000

export interface HeardNotice {
  address: string
  port: number
  /** Monotonic ms. */
  at: number
  wall: string
}

export interface NoticedSystem extends SystemAddress {
  server: string
}

interface Kept {
  history: NoticeHistory
  last: HeardNotice
}

export class Notices {
  readonly #byServer = new Map<string, Kept>()

  /** Returns the system that stopped and whether a new series began; undefined for a stranger's datagram. */
  take(
    site: SiteDocument,
    notice: HeardNotice,
  ): { system: NoticedSystem; begins: boolean } | undefined {
    const systems = site.spec.clusters.flatMap((cluster) =>
      cluster.systems.map(({ number, address, port, server }) => ({
        cluster: cluster.name,
        number,
        address,
        port,
        server,
      })),
    )
    const system = findNoticeSystem(systems, notice)
    if (!system) return undefined
    const before = this.#byServer.get(system.server)
    const begins = !isFresh(before?.history, notice.at)
    const history = recordNotice(before?.history, notice.at)
    this.#byServer.set(system.server, { history, last: notice })
    return { system, begins }
  }

  /** The notice that answers a request for this server by itself, while it is fresh. */
  findFresh(server: string, now: number): HeardNotice | undefined {
    const kept = this.#byServer.get(server)
    return kept && isFresh(kept.history, now) ? kept.last : undefined
  }

  heardRecently(server: string, now: number): boolean {
    return heardWithin(this.#byServer.get(server)?.history, now, RECENT_NOTICE_MS)
  }

  /** Monotonic ms of the last notice. */
  lastAt(server: string): number | undefined {
    return this.#byServer.get(server)?.last.at
  }
}
