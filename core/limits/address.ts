// Addresses of devices and systems: IPv4 or IPv6 literals, brought to one form so that two spellings of
// one address are seen to be the same.

/** The one spelling of an IPv4 or IPv6 address; undefined when it is neither. */
export function canonicalAddress(text: string): string | undefined {
  return canonicalIpv4(text) ?? canonicalIpv6(text)
}

function canonicalIpv4(text: string): string | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined
  const parts = text.split('.')
  // A leading zero would mean octal to some readers and decimal to others.
  const plain = parts.every((part) => Number(part) <= 255 && String(Number(part)) === part)
  return plain ? text : undefined
}

function canonicalIpv6(text: string): string | undefined {
  if (text.length > 45 || !text.includes(':')) return undefined
  const groups = readGroups(text)
  if (!groups) return undefined
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  const [high = 0, low = 0] = groups.slice(6)
  if (mapped) return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  return groups.map((group) => group.toString(16)).join(':')
}

/** The eight 16-bit groups of an IPv6 address. */
function readGroups(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head = '', tail] = halves
  const before = readHalf(head, tail === undefined)
  const after = tail === undefined ? [] : readHalf(tail, true)
  if (!before || !after) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return [...before, ...new Array<number>(missing).fill(0), ...after]
}

function readHalf(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const ipv4 = last && index === parts.length - 1 ? canonicalIpv4(part) : undefined
    if (ipv4 === undefined) return undefined
    const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
    groups.push((a << 8) | b, (c << 8) | d)
  }
  return groups
}

/** True for an address that no single device can have: unspecified, broadcast or multicast. */
export function isNobody(canonical: string): boolean {
  if (canonical.includes(':'))
    return canonical === '0:0:0:0:0:0:0:0' || /^ff[0-9a-f]{2}:/.test(canonical)
  const first = Number(canonical.split('.')[0])
  return first === 0 || first >= 224
}
