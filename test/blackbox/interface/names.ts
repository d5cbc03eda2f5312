// Suites share a control plane: each has sites of its own.
let names = 0

export function freshName(): string {
  names += 1
  return `site${names}`
}
