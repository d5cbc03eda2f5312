// Requests that come while others like them are under way share the next run, one run at a time: a burst then
// costs a few transactions and not one each.

export type Outcome<R> = { value: R } | { error: unknown }

interface Waiting<T, R> {
  item: T
  resolve(value: R): void
  reject(error: unknown): void
}

/**
 * Gives back a function that adds an item to the runs of a key. `act` tells the outcome of every item, in
 * their order; when it throws, all of them fail.
 */
export function gather<T, R>(
  act: (key: string, items: readonly T[]) => Promise<readonly Outcome<R>[]>,
  atOnceMax: number,
): (key: string, item: T) => Promise<R> {
  const waiting = new Map<string, Waiting<T, R>[]>()

  const runAll = async (key: string, queue: Waiting<T, R>[]) => {
    while (queue.length > 0) await settle(queue.splice(0, atOnceMax), (items) => act(key, items))
    waiting.delete(key)
  }

  return (key, item) =>
    new Promise((resolve, reject) => {
      const queue = waiting.get(key)
      if (queue) {
        queue.push({ item, resolve, reject })
        return
      }
      const first = [{ item, resolve, reject }]
      waiting.set(key, first)
      void runAll(key, first)
    })
}

/**
 * Gives back a function that looks something up once for all who ask for it meanwhile. Nobody gets what was
 * looked up before they asked: a thousand readers that are woken together make two look-ups.
 */
export function shared<R>(look: (key: string) => Promise<R>): (key: string) => Promise<R> {
  const lookTogether = gather<undefined, R>(async (key, askers) => {
    const value = await look(key)
    return askers.map(() => ({ value }))
  }, Number.POSITIVE_INFINITY)
  return (key) => lookTogether(key, undefined)
}

async function settle<T, R>(
  taken: readonly Waiting<T, R>[],
  act: (items: readonly T[]) => Promise<readonly Outcome<R>[]>,
): Promise<void> {
  try {
    const outcomes = await act(taken.map(({ item }) => item))
    for (const [index, { resolve, reject }] of taken.entries()) {
      const outcome = outcomes[index]
      if (outcome && 'value' in outcome) resolve(outcome.value)
      else reject(outcome?.error ?? new Error('a run told no outcome for one of its items'))
    }
  } catch (error) {
    for (const { reject } of taken) reject(error)
  }
}
