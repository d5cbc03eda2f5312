// Virtual time: what is to happen, in the order of its instants; at one instant, in the order it was called for.

interface Entry {
  at: number
  order: number
  run: () => void
}

export class Schedule {
  now = 0
  #order = 0
  readonly #heap: Entry[] = []

  after(delayMs: number, run: () => void): void {
    this.#order += 1
    const entry = { at: this.now + Math.max(0, delayMs), order: this.#order, run }
    const heap = this.#heap
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || before(parent, entry)) break
      heap[index] = parent
      index = above
    }
    heap[index] = entry
  }

  /** Runs the next event if it is due by then; false when nothing is left until then. */
  step(until: number): boolean {
    const first = this.#heap[0]
    if (first === undefined || first.at > until) return false
    this.#removeFirst()
    this.now = first.at
    first.run()
    return true
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      let child = heap[left]
      if (child === undefined) break
      let at = left
      const other = heap[right]
      if (other !== undefined && before(other, child)) {
        child = other
        at = right
      }
      if (before(last, child)) break
      heap[index] = child
      index = at
    }
    heap[index] = last
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
