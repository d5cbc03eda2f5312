// Secrets that everybody knows: defaults, and the examples of documents. Whoever starts with one has forgotten to
// make an own one.

const PASSWORDS = new Set([
  '123456',
  'admin',
  'change-me',
  'changeme',
  'default',
  'example',
  'palisade',
  'passw0rd',
  'password',
  'postgres',
  'root',
  'secret',
])

/** The private half of RFC 8037, appendix A, which libraries have in their examples; and no randomness at all. */
const SIGNING_KEYS = new Set([
  'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
])

/** Fewer than these different characters is no random token. */
const TOKEN_CHARACTERS_MIN = 12

/** Whether the password of a database URL is a known one; one that names none has other means. */
export function hasKnownPassword(databaseUrl: string): boolean {
  try {
    return PASSWORDS.has(decodeURIComponent(new URL(databaseUrl).password).toLowerCase())
  } catch {
    return false
  }
}

export function isKnownSigningKey({ d }: { d: string }): boolean {
  return SIGNING_KEYS.has(d)
}

/** Whether a token was typed, or taken from a document, rather than made. */
export function isExampleToken(token: string): boolean {
  const secret = token.replace(/^pal_/, '')
  return /example|change-?me/i.test(secret) || new Set(secret).size < TOKEN_CHARACTERS_MIN
}
