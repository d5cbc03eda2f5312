// Which object of the next document is which one of the previous document. A name is an identity, and
// `renamedFrom` carries it over a rename (spec api.md, "Site file").

export interface Named {
  name: string
  renamedFrom?: string
}

/**
 * For each next object the previous one that it is, or undefined for a new one. A `renamedFrom` that the
 * previous document already bore is history: a file may be applied again and means the same.
 */
export function matchItems<P extends Named>(
  previous: readonly P[],
  next: readonly Named[],
): (P | undefined)[] {
  const named = new Map(previous.map((item) => [item.name, item]))
  const taken = new Set<string>()
  const take = (item: P | undefined): P | undefined => {
    if (!item || taken.has(item.name)) return undefined
    taken.add(item.name)
    return item
  }
  const renamed = next.map(({ name, renamedFrom }) => {
    if (renamedFrom === undefined) return undefined
    const same = named.get(name)
    return take(same?.renamedFrom === renamedFrom ? same : named.get(renamedFrom))
  })
  return next.map(({ name }, index) => renamed[index] ?? take(named.get(name)))
}

/** Previous name → next name of everything that is in both documents. */
export function nameChanges(
  previous: readonly Named[],
  next: readonly Named[],
): Map<string, string> {
  const names = new Map<string, string>()
  for (const [index, match] of matchItems(previous, next).entries()) {
    const name = next[index]?.name
    if (match && name !== undefined) names.set(match.name, name)
  }
  return names
}
