// What a support archive is made of, and what it lacks.

export interface Part {
  /** Inside the archive, with `/`. */
  path: string
  text: string
  /** Holds signed heads that prove it: these are no secrets and stay. */
  signed?: boolean
}

export type Parts = AsyncGenerator<Part>

/** A missing part is a note in the archive, never a failure. */
export class Notes {
  readonly #lines: string[] = []

  add(about: string, said: string): void {
    this.#lines.push(`${about}: ${said}`)
  }

  get count(): number {
    return this.#lines.length
  }

  toText(): string {
    const lines = this.#lines.length === 0 ? ['nothing is missing'] : this.#lines
    return `${lines.join('\n')}\n`
  }
}

export function jsonPart(path: string, value: unknown): Part {
  return { path, text: `${JSON.stringify(value, null, 2)}\n` }
}

/** A name from elsewhere as one step of a path in the archive. */
export function step(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 60)
  return /^\.*$/.test(plain) ? `_${plain}` : plain
}
