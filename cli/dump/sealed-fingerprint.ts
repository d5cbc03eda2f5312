// A sealed credential opens for the agents only; support needs to see no more of it than whether two are alike.
import { hash } from 'node:crypto'

const FINGERPRINT_CHARACTERS = 12

/** The same document, with a short fingerprint in the place of every sealed text. */
export function withFingerprints(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFingerprints)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) =>
      name === 'sealed' ? [name, fingerprint(inner)] : [name, withFingerprints(inner)],
    ),
  )
}

function fingerprint(sealed: unknown): string {
  const digest = hash('sha256', typeof sealed === 'string' ? sealed : JSON.stringify(sealed), 'hex')
  return `sha256:${digest.slice(0, FINGERPRINT_CHARACTERS)}`
}
