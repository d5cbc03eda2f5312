// Searches for known secrets in whatever was written or answered, in every readable form.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Planted {
  /** For the report; never the secret itself. */
  name: string
  secret: string
}

/** The secret itself, and what base64 and hex make of it wherever it begins in a longer text. */
export function readableForms(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const aligned = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // Characters that hold bits of the neighbours are left out.
    const whole = Math.floor(((shift + bytes.length) * 8) / 6)
    const inner = text.slice(Math.ceil((shift * 8) / 6), whole)
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const hex = bytes.toString('hex')
  return [...new Set([secret, encodeURIComponent(secret), ...aligned, hex, hex.toUpperCase()])]
}

/** Names of the secrets that a text shows. */
export function shownIn(text: string, planted: readonly Planted[]): string[] {
  return planted
    .filter(({ secret }) => readableForms(secret).some((form) => text.includes(form)))
    .map(({ name }) => name)
}

/** What every file below a directory shows, as `FILE: SECRET`. */
export function shownBelow(directory: string, planted: readonly Planted[]): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return shownBelow(path, planted)
    if (!entry.isFile()) return []
    return shownIn(readFileSync(path, 'latin1'), planted).map((name) => `${path}: ${name}`)
  })
}
