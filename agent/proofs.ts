// What tests and resets have proven of each machine, and for which devices: any change of these ends the proof
// (spec domain.md §2). Kept in one small file that is replaced as a whole.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** `wiring`: that its feeds are its supplies. `reset`: that its BMC stops this machine. */
export type ProofKind = 'wiring' | 'reset'

interface Proof {
  /** What exactly it holds for. */
  subject: string
  /** RFC 3339. */
  at: string
}

export interface Proofs {
  /** When it was proven for exactly this subject. */
  find(kind: ProofKind, machine: string, subject: string): string | undefined
  prove(kind: ProofKind, machine: string, subject: string, at: string): void
  refute(kind: ProofKind, machine: string): void
}

/** A file that cannot be read proves nothing; it is written anew at the next test. */
export function createProofs(file: string): Proofs {
  const proofs = new Map<string, Proof>(Object.entries(readProofs(file)))
  const keyOf = (kind: ProofKind, machine: string) => `${kind} ${machine}`
  const store = () => {
    const text = JSON.stringify(Object.fromEntries(proofs), null, 1)
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  return {
    find(kind, machine, subject) {
      const proof = proofs.get(keyOf(kind, machine))
      return proof?.subject === subject ? proof.at : undefined
    },
    prove(kind, machine, subject, at) {
      proofs.set(keyOf(kind, machine), { subject, at })
      store()
    },
    refute(kind, machine) {
      if (proofs.delete(keyOf(kind, machine))) store()
    },
  }
}

function readProofs(file: string): Record<string, Proof> {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof read === 'object' && read !== null ? (read as Record<string, Proof>) : {}
  } catch {
    return {}
  }
}
