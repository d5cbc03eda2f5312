// Which orders this site has seen. Ids are remembered until they are forgotten on purpose; what is forgotten
// stays behind the watermark, so an order never runs twice (spec architecture.md, decision 6).

export interface ReplayMemory {
  /** Epoch ms, the control plane's clock: an unknown order issued before it is a replay. */
  watermarkMs: number
  /** Ids with the newest `issuedAtMs` that was seen of each. */
  readonly seen: Map<string, number>
}

export type ReplayVerdict = 'new' | 'known' | 'replayed'

export interface OrderMark {
  id: string
  issuedAtMs: number
}

export function emptyReplayMemory(): ReplayMemory {
  return { watermarkMs: 0, seen: new Map() }
}

/**
 * `known`: journalled before, to be answered by its journal and not run. `replayed`: so old that its id may
 * have been forgotten, to be refused.
 */
export function judgeReplay(memory: ReplayMemory, order: OrderMark): ReplayVerdict {
  if (memory.seen.has(order.id)) return 'known'
  return order.issuedAtMs < memory.watermarkMs ? 'replayed' : 'new'
}

/** Changes the memory in place. Call it in the turn in which the order goes to the journal. */
export function rememberOrder(memory: ReplayMemory, order: OrderMark): void {
  const before = memory.seen.get(order.id) ?? 0
  memory.seen.set(order.id, Math.max(before, order.issuedAtMs))
}

/** Forgets ids issued before `beforeMs`, all but those to be kept, and raises the watermark to it. */
export function forgetOrders(
  memory: ReplayMemory,
  beforeMs: number,
  keep: ReadonlySet<string> = new Set(),
): void {
  memory.watermarkMs = Math.max(memory.watermarkMs, beforeMs)
  for (const [id, issuedAtMs] of memory.seen) {
    if (issuedAtMs < memory.watermarkMs && !keep.has(id)) memory.seen.delete(id)
  }
}
