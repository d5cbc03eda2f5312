// Which servers' wiring a test has proven, and for which feeds: any change of feeds ends the proof (spec
// domain.md §2). Kept in one small file that is replaced as a whole.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { PlannedFeed } from '../core/plan.ts'

interface Proof {
  feeds: string
  /** RFC 3339. */
  at: string
}

export interface WiringProofs {
  /** When the wiring of exactly these feeds was proven. */
  find(server: string, feeds: readonly PlannedFeed[]): string | undefined
  prove(server: string, feeds: readonly PlannedFeed[], at: string): void
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
    find(server, feeds) {
      const proof = proofs.get(server)
      return feeds.length > 0 && proof?.feeds === textOf(feeds) ? proof.at : undefined
    },
    prove(server, feeds, at) {
      proofs.set(server, { feeds: textOf(feeds), at })
      store()
    },
    refute(server) {
      if (proofs.delete(server)) store()
    },
  }
}

/** A PDU may be renamed, but not replaced or moved to another address. */
function textOf(feeds: readonly PlannedFeed[]): string {
  return feeds
    .map(({ pduAddress, outlet }) => `${pduAddress}/${outlet}`)
    .sort()
    .join(' ')
}

function readProofs(file: string): Record<string, Proof> {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof read === 'object' && read !== null ? (read as Record<string, Proof>) : {}
  } catch {
    return {}
  }
}
