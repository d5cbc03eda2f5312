// A bounded set of listeners: the models tell whoever watches that something physical has changed.

export type Unsubscribe = () => void

export class Change {
  #listeners = new Set<() => void>()

  subscribe(listener: () => void): Unsubscribe {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
