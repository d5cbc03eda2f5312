// What is durable of one order, as the judge keeps it.
import type { Conclusion } from '../../core/outcome.ts'
import type { Shot } from '../../core/shot.ts'
import type { RecordOf } from '../../protocol/report.ts'
import type { Effect } from './effects.ts'

export interface Intent {
  shot: Shot
  /** World time of its durability, and the life that wrote it. */
  at: number
  start: number
  effect?: Effect
  answer?: string
}

export class OrderFile {
  readonly order: string
  server: string | undefined
  isTest = false
  serial = false
  refused = false
  ended = false
  accepted: { record: RecordOf<'accepted'>; at: number; boot: number | undefined } | undefined
  concluded: { conclusion: Conclusion; at: number } | undefined
  /** By the number of the shot; one that was written again stands with its last intent. */
  readonly intents = new Map<number, Intent>()
  readonly sent: Effect[] = []
  /** Monotonic ms of the first soft intent, and the life that wrote it. */
  softAt: { ms: number; start: number } | undefined
  pastHard = false

  constructor(order: string) {
    this.order = order
  }

  intend({ shot, start }: RecordOf<'intent'>, at: number): void {
    const known = this.intents.get(shot.id)
    if (known) {
      known.at = at
      known.start = start
    } else this.intents.set(shot.id, { shot, at, start })
  }

  findUnsent({ device, action }: Effect, start: number, since: number): Intent | undefined {
    for (const intent of this.intents.values()) {
      const { shot } = intent
      if (intent.effect || intent.answer !== undefined) continue
      if (intent.start !== start || intent.at < since) continue
      const at = shot.device.kind === 'bmc' ? 'bmc' : `${shot.device.pdu}/${shot.device.outlet}`
      if (at === device && shot.action === action) return intent
    }
    return undefined
  }

  /** Every wait of the ladder one after the other, up to its conclusion. */
  boundMs(): number {
    const plan = this.accepted?.record.plan
    if (!plan) return 0
    const off = plan.hardResetTimeoutMs + 3 * 10_000 + 32_000
    const pdu = 2 * (15_000 + plan.holdUpMs + 15_000)
    return 1000 + plan.hardResetAfterMs + plan.hardResetTimeoutMs + 3000 + 2 * off + pdu
  }
}

export type OrderFiles = Map<string, OrderFile>
