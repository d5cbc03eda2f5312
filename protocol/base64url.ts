// Base64url with exactly one spelling per value: without this, spare bits and padding let a token be
// respelt without breaking its seal.

const FORM = /^[A-Za-z0-9_-]*$/
/** The last characters whose spare bits are zero, by length modulo 4. */
const ENDINGS = ['', undefined, 'AQgw', 'AEIMQUYcgkosw048'] as const

export function isCanonicalBase64url(text: string): boolean {
  const ending = ENDINGS[text.length % 4]
  if (ending === undefined || !FORM.test(text)) return false
  return ending === '' || ending.includes(text.slice(-1))
}

/** Whether the text is so many canonical parts with dots between them. */
export function isCompact(text: string, parts: number): boolean {
  const split = text.split('.', parts + 1)
  return split.length === parts && split.every(isCanonicalBase64url)
}
