// Virtual time: what is due runs in the order of its instant, then of its entry.

export interface Entry {
  at: number
  order: number
  run: () => void
  cancelled: boolean
}

export class Timeline {
  /** Ms since the world began. */
  now = 0
  readonly #heap: Entry[] = []
  #entries = 0

  after(delayMs: number, run: () => void): Entry {
    return this.at(this.now + Math.max(0, delayMs), run)
  }

  at(at: number, run: () => void): Entry {
    this.#entries += 1
    const entry = { at: Math.max(exact(at), this.now), order: this.#entries, run, cancelled: false }
    this.#push(entry)
    return entry
  }

  /** Runs the next entry, unless that lies behind `limitMs`; false when there was none. */
  step(limitMs: number): boolean {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.at > limitMs) return false
      this.#pop()
      if (next.cancelled) continue
      this.now = next.at
      next.run()
      return true
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !before(entry, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && before(right, left)) child += 1
      const least = heap[child]
      if (least === undefined || !before(least, last)) break
      heap[index] = least
      index = child
    }
    heap[index] = last
  }
}

/** In parts of a ms that sums and differences keep exactly: what is due at an instant is due when it has come. */
function exact(ms: number): number {
  return Math.ceil(ms * 1024) / 1024
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
