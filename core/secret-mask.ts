// The second line of defence for text that leaves this machine: whatever looks like a secret is masked. The
// first line is that nothing of ours writes a secret anywhere; this one is for the day when something does.

/** What stands in the place of a masked secret. */
export const MASK = '[masked]'

export interface Masked {
  text: string
  /** Places that were masked. */
  masked: number
}

export interface MaskOptions {
  /** Leaves compact JWS as they are: the signed heads of an audit, which prove it and open nothing. */
  keepSignatures?: boolean
}

interface Rule {
  pattern: RegExp
  /** What is left of a match; the groups are those of the pattern. */
  left: (groups: readonly string[]) => string
}

const mask = () => MASK
const maskAfterFirst = ([first = '']: readonly string[]) => `${first}${MASK}`

/** Secrets that are recognised by their own form, wherever they stand. */
const SHAPES: readonly Rule[] = [
  // In JSON a line end before a token is the letter n, hence the second form.
  {
    pattern: /(?<![A-Za-z0-9])(pal_|ple_)[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?/g,
    left: maskAfterFirst,
  },
  { pattern: /(pal_|ple_)[A-Za-z0-9_-]{32,}(?:\.[A-Za-z0-9_-]+)?/g, left: maskAfterFirst },
  { pattern: /(whsec_)[A-Za-z0-9+/=_-]{8,}/g, left: maskAfterFirst },
  {
    pattern:
      /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[\s\S]{0,20000}?-----END [A-Z ]{0,40}PRIVATE KEY-----|[A-Za-z0-9+/=\s\\]*)/g,
    left: mask,
  },
  // An Ed25519 or X25519 key in PKCS #8, out of its frame.
  { pattern: /MC4CAQAwBQYDK2V[A-Za-z0-9+/_=-]{20,}/g, left: mask },
  // The private part of a JWK.
  {
    pattern:
      /(?<![A-Za-z0-9_])(["']?[dk]\\{0,16}["']?\s{0,9}[:=]\s{0,9}\\{0,16}["']?)[A-Za-z0-9_-]{20,}/g,
    left: maskAfterFirst,
  },
  // A sealed credential opens for the agents only, and is nobody's business all the same.
  {
    pattern: /(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}/g,
    left: mask,
  },
  { pattern: /(:\/\/[^\s/:@"']{0,200}:)[^\s/"']{1,500}(?=@)/g, left: maskAfterFirst },
  { pattern: /\b((?:Bearer|Basic|Digest) +)[A-Za-z0-9+/=._~-]{8,}/g, left: maskAfterFirst },
]

const SIGNATURE: Rule = {
  pattern: /(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt]))eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}/g,
  left: mask,
}

const SECRET_NAME =
  /(?:password|passwd|pwd|passphrase|secret|community|credentials?|api[-_]?key|private[-_]?key|token|authorization|cookie|(?<![A-Za-z])kg)[0-9_]{0,20}/
const VALUE_FORMS = [
  /"(?:[^"\\\n]|\\.)*"/,
  /'[^'\n]*'/,
  // JSON within JSON.
  /(?<slashes>\\{1,16})"[^\n]{0,4096}?(?<!\\)\k<slashes>"/,
  /\\{0,16}["']?[^\s,;}\])"'{[]+/,
]
const ASSIGNMENT = new RegExp(
  `(${SECRET_NAME.source}\\\\{0,16}["']?\\s{0,9}[:=]\\s{0,9})(${VALUE_FORMS.map(({ source }) => source).join('|')})`,
  'gi',
)
const NOTHING_SECRET = /^[\\"']*(?:null|true|false|undefined|)[\\"']*$/
const COMPACT_JWS = /^[\\"']*eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}[\\"']*$/

/** Masks tokens, private keys, credentials in URLs and headers, and what is assigned to a name like `password`. */
export function maskSecrets(text: string, { keepSignatures = false }: MaskOptions = {}): Masked {
  let masked = 0
  let left = text
  for (const rule of keepSignatures ? SHAPES : [...SHAPES, SIGNATURE]) {
    left = left.replace(rule.pattern, (_whole, ...groups: unknown[]) => {
      masked += 1
      return rule.left(groups.filter((group) => typeof group === 'string'))
    })
  }
  left = left.replace(ASSIGNMENT, (whole: string, name: string, value: string) => {
    if (NOTHING_SECRET.test(value) || value.includes(MASK)) return whole
    if (keepSignatures && COMPACT_JWS.test(value)) return whole
    masked += 1
    const [quote = ''] = /^\\*["']/.exec(value) ?? []
    return `${name}${quote}${MASK}${value.endsWith(quote) && value.length > quote.length ? quote : ''}`
  })
  return { text: left, masked }
}
