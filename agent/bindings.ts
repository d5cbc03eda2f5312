// Which machine was found behind which BMC address. A different machine at the same address is refused
// until the settings change (spec architecture.md, "Never pick a target by position or by bare name").
import { readFileSync, renameSync, writeFileSync } from 'node:fs'

interface Binding {
  address: string
  port: number
  identity: string
}

type Place = Pick<Binding, 'address' | 'port'>

export interface Bindings {
  /** The identity bound for this server at this very address, if any. */
  find(server: string, place: Place): string | undefined
  bind(server: string, place: Place, identity: string): void
}

/** Kept in one small file that is replaced as a whole. Throws when the file is there but unreadable. */
export function createBindings(file: string): Bindings {
  const bindings = new Map<string, Binding>(Object.entries(readBindings(file)))
  return {
    find(server, { address, port }) {
      const binding = bindings.get(server)
      return binding?.address === address && binding.port === port ? binding.identity : undefined
    },
    bind(server, { address, port }, identity) {
      bindings.set(server, { address, port, identity })
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(bindings), null, 1), {
        mode: 0o600,
      })
      renameSync(`${file}.new`, file)
    },
  }
}

function readBindings(file: string): Record<string, Binding> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new Error(`${file} cannot be read; restore it or remove it to bind the BMCs anew`, {
      cause: error,
    })
  }
}
