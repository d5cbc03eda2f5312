// Everything that happened in a world, as a hash that two runs can be compared by, and as lines for people.
import type { JournalRecord } from '../../protocol/report.ts'

export class Trace {
  readonly lines: string[] = []
  readonly #tells: boolean
  #low = 0x811c_9dc5
  #high = 0x01000193

  constructor(tells: boolean) {
    this.#tells = tells
  }

  note(now: number, line: () => string): void {
    const text = `${stamp(now)} ${line()}`
    this.#add(text)
    if (this.#tells) this.lines.push(text)
  }

  record(now: number, record: JournalRecord): void {
    // The hash of the record before it stands for all that it says.
    this.#add(`${now} ${record.seq} ${record.kind} ${record.prev}`)
    if (this.#tells) this.lines.push(`${stamp(now)}   journal ${record.seq}: ${summary(record)}`)
  }

  hash(): string {
    return [this.#low, this.#high]
      .map((part) => (part >>> 0).toString(16).padStart(8, '0'))
      .join('')
  }

  #add(text: string): void {
    let [low, high] = [this.#low, this.#high]
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      low = Math.imul(low ^ code, 0x01000193)
      high = Math.imul(high ^ code, 0x85eb_ca6b) ^ (low >>> 13)
    }
    this.#low = low
    this.#high = high
  }
}

function stamp(now: number): string {
  return `${(now / 1000).toFixed(4).padStart(10)}`
}

/** Without the token, the chain and what the plan says of all. */
function summary(record: JournalRecord): string {
  const { v: _, site: _s, agent: _a, prev: _p, at: _t, seq: _q, epoch: _e, ...rest } = record
  const { kind, start, ...told } = rest
  const shown = Object.entries(told).filter(
    ([name]) => !['token', 'request', 'plan', 'mono', 'readAt'].includes(name),
  )
  const text = shown.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')
  return `[${start}] ${kind}${text === '' ? '' : `, ${text}`}`
}
