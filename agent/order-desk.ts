// Takes in orders: verifies, remembers, arbitrates, journals, and only then starts anything. The active's
// word here is the last one (spec architecture.md, decision 1).
import {
  type ArbiterView,
  arbitrate,
  judgePair,
  STOPPED_WITHOUT_REGISTRATION_MS,
} from '../core/arbiter.ts'
import { resetCourse } from '../core/course.ts'
import type { Circumstances } from '../core/ladder/ladder.ts'
import { open } from '../core/ladder/step.ts'
import { planReset, resolveTarget } from '../core/planner.ts'
import type { Clock } from '../core/ports.ts'
import { findServer, type SiteDocument } from '../core/site.ts'
import { canonicalJson } from '../protocol/chain.ts'
import type { VerifyingKey } from '../protocol/keys.ts'
import type { OperationOrder, Order, ResetOrder } from '../protocol/order.ts'
import { refusedOrder, verifyOrder } from '../protocol/order-token.ts'
import { judgeReplay, type ReplayMemory, rememberOrder } from '../protocol/replay.ts'
import type { BodyOf } from '../protocol/report.ts'
import type { Appender, Executor } from './executor.ts'
import type { LooseShots } from './loose.ts'
import { judgeOperation, operationRecord, type Seen, startOperation } from './operations.ts'

export interface OrderDeskOptions {
  clock: Clock
  bootId: string
  siteName: string
  /** The document that this agent holds; undefined before the first. */
  site(): SiteDocument | undefined
  keys(): readonly VerifyingKey[]
  journal: Appender
  memory: ReplayMemory
  executor: Executor
  loose: LooseShots
  seen: Seen
  circumstances(server: string, feeds: ResetOrder['plan']['feeds']): Circumstances
  /** The order is in the journal, as accepted or refused. */
  journalled(order: string): void
  failed(error: unknown): void
}

/** A refusal that becomes the order's terminal record. */
interface Refusal {
  code: string
  result: 'FAIL' | 'ERROR' | null
  detail: string
}

export class OrderDesk {
  readonly #options: OrderDeskOptions
  readonly #stopped: { server: string; at: number }[] = []
  readonly #taking = new Map<string, Promise<void>>()

  constructor(options: OrderDeskOptions) {
    this.#options = options
  }

  /** Notes that an act of ours stopped this server, or may have, for the pair guard. Monotonic ms. */
  stopped(server: string, at: number): void {
    this.#stopped.push({ server, at })
  }

  /** Takes one signed order. `hubNowMs` is the hub's time, the only one by which it can expire. */
  async take(token: string, hubNowMs: number): Promise<void> {
    const { keys, siteName, journal } = this.#options
    const verdict = await verifyOrder(token, { keys: keys(), site: siteName, nowMs: hubNowMs })
    if ('refused' in verdict) {
      const record = refusedOrder(token, verdict)
      await this.#durably(journal.append([record]))
      if (record.order !== null) this.#options.journalled(record.order)
      return
    }
    await this.#takeVerified(verdict.order, token)
  }

  async #takeVerified(order: Order, token: string): Promise<void> {
    const { memory, journalled } = this.#options
    switch (judgeReplay(memory, order)) {
      case 'known':
        // Sent again, because our word that it is journalled was lost or is still on its way.
        await this.#taking.get(order.id)
        return journalled(order.id)
      case 'replayed':
        return this.#refuseReplayed(order, token)
      case 'new': {
        rememberOrder(memory, order)
        const taking =
          order.kind === 'reset' ? this.#reset(order, token) : this.#operate(order, token)
        this.#taking.set(order.id, taking)
        await taking
        this.#taking.delete(order.id)
        return journalled(order.id)
      }
    }
  }

  /** It may have run long ago, so the refusal must not stand as the end of that order. */
  async #refuseReplayed(order: Order, token: string): Promise<void> {
    const record: BodyOf<'refused'> = {
      kind: 'refused',
      order: null,
      token,
      code: 'replayed',
      result: null,
      detail: `order ${order.id} was issued before anything that this agent remembers`,
      request: null,
    }
    await this.#durably(this.#options.journal.append([record]))
  }

  async #reset(order: ResetOrder, token: string): Promise<void> {
    const { executor, journal, clock } = this.#options
    const refusal = this.#judge(order)
    if (refusal) return this.#refuse(order, token, refusal)
    const { plan, request, id } = order
    const inTheWay = executor.list().filter(({ server }) => server === plan.server)
    const mono = { bootId: this.#options.bootId, ms: clock.now() }
    const leftOff = inTheWay.flatMap((course) => course.leftOff)
    const circumstances = { ...this.#options.circumstances(plan.server, plan.feeds), leftOff }
    // What shapes the ladder must not be forgotten over a restart.
    const shape = {
      ...(circumstances.recentNotice ? { recentNotice: true as const } : {}),
      ...(circumstances.loose ? { loose: true as const } : {}),
      ...(circumstances.wiringProvenAt ? { wiringProvenAt: circumstances.wiringProvenAt } : {}),
      ...(leftOff.length > 0 ? { leftOff } : {}),
    }
    const accepting = this.#durably(
      journal.append([{ kind: 'accepted', order: id, token, request, plan, ...shape, mono }]),
    )
    // A ladder without feeds cannot bring back what a test had switched off: the test does, afterwards.
    const restore = plan.feeds.length === 0
    const detail = `a reset of ${plan.server} was asked for`
    for (const { order: id } of inTheWay) executor.give(id, { type: 'abort', detail, restore })
    // Nothing goes out before its own intent is durable, which comes after the acceptance in one journal:
    // both share one write to disk.
    const at = { ms: clock.now(), wall: clock.wall() }
    executor.run(resetCourse(open(id, plan, circumstances, at)))
    await accepting
  }

  #judge({ request, plan }: ResetOrder): Refusal | undefined {
    const site = this.#options.site()
    if (!site) return { code: 'no-configuration', result: 'FAIL', detail: 'no site document yet' }
    if (this.#options.journal.spaceIsLow) {
      return { code: 'journal-full', result: 'FAIL', detail: 'the disk of the journal is full' }
    }
    const target = resolveTarget(site, {
      server: request.server,
      system: request.system?.number,
      cluster: request.system?.cluster,
    })
    if ('code' in target) return { ...target, result: 'ERROR' }
    if (canonicalJson(planReset(site, target, plan.mode)) !== canonicalJson(plan)) {
      return {
        code: 'plan-changed',
        result: 'FAIL',
        detail: `the configuration of ${plan.server} changed since this order was planned; ask again`,
      }
    }
    const { requester } = request
    const verdict = arbitrate({ site, ...target, requester, view: this.#view() })
    return verdict.verdict === 'refuse' ? verdict : undefined
  }

  #view(): ArbiterView {
    const { executor, loose, clock } = this.#options
    const now = clock.now()
    while (now - (this.#stopped[0]?.at ?? now) >= STOPPED_WITHOUT_REGISTRATION_MS) {
      this.#stopped.shift()
    }
    const underWay = executor.list()
    const running = underWay.filter(({ kind }) => kind === 'reset')
    return {
      now,
      open: running.map(({ order, server }) => ({ order, server })),
      tested: underWay.filter(({ kind, stops }) => kind !== 'reset' && stops),
      loose: loose.list().filter(({ stops }) => stops),
      completed: this.#stopped,
    }
  }

  async #refuse(order: Order, token: string, { code, result, detail }: Refusal): Promise<void> {
    const request = order.kind === 'reset' ? order.request : null
    await this.#durably(
      this.#options.journal.append([
        { kind: 'refused', order: order.id, token, code, result, detail, request },
      ]),
    )
  }

  async #operate(order: OperationOrder, token: string): Promise<void> {
    const { executor, journal, clock, bootId, seen } = this.#options
    const site = this.#options.site()
    const refuse = (code: string, detail: string) =>
      this.#refuse(order, token, { code, result: null, detail })
    if (!site) return refuse('no-configuration', 'no site document yet')
    if (journal.spaceIsLow && order.kind !== 'restore') {
      return refuse('journal-full', 'the disk of the journal is full')
    }
    const refusal = judgeOperation(order, { site, seen, underWay: executor.list() })
    if (refusal) return refuse(refusal.code, refusal.detail)
    const move = startOperation(order, site, { ms: clock.now(), wall: clock.wall() })
    const server = findServer(site, order.target.server)
    const guarded = move[0].stops && server && judgePair({ site, server, view: this.#view() })
    if (guarded) return refuse(guarded.code, guarded.detail)
    const mono = { bootId, ms: clock.now() }
    const accepting = this.#durably(journal.append([operationRecord(order, token, mono)]))
    executor.run(move)
    await accepting
  }

  async #durably(writing: Promise<unknown>): Promise<void> {
    try {
      await writing
    } catch (error) {
      this.#options.failed(error)
      throw error
    }
  }
}
