// Which servers' wiring a test has proven, and for which feeds: any change of feeds ends the proof (spec
// domain.md §2). Kept in one small file that is replaced as a whole.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'

interface Proof {
  /** As `core/wiring.ts` writes it. */
  wiring: string
  /** RFC 3339. */
  at: string
}

export interface WiringProofs {
  /** When exactly this wiring was proven. */
  find(server: string, wiring: string): string | undefined
  prove(server: string, wiring: string, at: string): void
  refute(server: string): void
}

/** A file that cannot be read proves nothing; it is written anew at the next test. */
export function createWiringProofs(file: string): WiringProofs {
  const proofs = new Map<string, Proof>(Object.entries(readProofs(file)))
  const store = () => {
    const text = JSON.stringify(Object.fromEntries(proofs), null, 1)
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  return {
    find(server, wiring) {
      const proof = proofs.get(server)
      return proof?.wiring === wiring ? proof.at : undefined
    },
    prove(server, wiring, at) {
      proofs.set(server, { wiring, at })
      store()
    },
    refute(server) {
      if (proofs.delete(server)) store()
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
