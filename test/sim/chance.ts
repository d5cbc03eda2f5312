// Chance that can be had again: one stream per purpose, so that a fault left out changes no other stream.

export class Chance {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: number, purpose: string) {
    let hash = 2_166_136_261 ^ seed
    for (const letter of purpose) hash = Math.imul(hash ^ letter.charCodeAt(0), 16_777_619)
    this.#a = hash | 0
    this.#b = (seed ^ 0x9e37_79b9) | 0
    this.#c = Math.imul(hash, 0x85eb_ca6b) | 0
    for (let round = 0; round < 12; round += 1) this.fraction()
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    const t = (this.#a + this.#b + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t
    return ((t + this.#c) >>> 0) / 4_294_967_296
  }

  /** Whole numbers from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1))
  }

  /** Small values are as likely as large ones are: by the factor, not by the difference. */
  log(min: number, max: number): number {
    return Math.round(min * (max / min) ** this.fraction())
  }

  happens(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.fraction() * items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}
