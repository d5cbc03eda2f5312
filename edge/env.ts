// The settings of a control plane, from arguments and environment; all faults at once.
import { OPERATOR_LOG_DAYS_DEFAULT } from './housekeeping.ts'
import { hasKnownPassword } from './known-secrets.ts'

export interface Settings {
  dataDirectory: string
  host: string
  port: number
  /** Undefined: the embedded database. */
  databaseUrl: string | undefined
  /** How long entries of the operator log are kept. */
  operatorLogDays: number
}

export const PORT_DEFAULT = 8787

export const OPERATOR_LOG_DAYS = { min: 1, max: 36_500 }

/**
 * Reads `--data`, `--port`, `--host`, `PALISADE_DATABASE_URL` and `PALISADE_OPERATOR_LOG_DAYS`. Faults never
 * repeat the URL: it holds a password.
 */
export function readSettings(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { settings: Settings } | { faults: string[] } {
  const faults: string[] = []
  const given = new Map<string, string>()
  for (let index = 0; index < argv.length; index += 2) {
    const name = argv[index] ?? ''
    const value = argv[index + 1]
    if (!['--data', '--port', '--host'].includes(name)) {
      faults.push(`${name}: not an option; allowed are --data, --port, --host`)
      index -= 1
    } else if (value === undefined) {
      faults.push(`${name}: a value must follow`)
    } else {
      given.set(name, value)
    }
  }
  const portText = given.get('--port') ?? String(PORT_DEFAULT)
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN
  if (!(port >= 0 && port <= 65_535)) faults.push(`--port ${portText}: allowed are 0 to 65535`)
  const databaseUrl = environment['PALISADE_DATABASE_URL'] || undefined
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    faults.push('PALISADE_DATABASE_URL: must start with postgres://')
  } else if (databaseUrl !== undefined && hasKnownPassword(databaseUrl)) {
    faults.push('PALISADE_DATABASE_URL: its password is one that everybody knows; set another')
  }
  const days = environment['PALISADE_OPERATOR_LOG_DAYS'] || String(OPERATOR_LOG_DAYS_DEFAULT)
  const operatorLogDays = readWholeNumber(
    'PALISADE_OPERATOR_LOG_DAYS',
    days,
    OPERATOR_LOG_DAYS,
    faults,
  )
  if (faults.length > 0) return { faults }
  const dataDirectory = given.get('--data') ?? '.palisade'
  const host = given.get('--host') ?? '127.0.0.1'
  return { settings: { dataDirectory, host, port, databaseUrl, operatorLogDays } }
}

/** NaN, and a fault that names the setting, for what is no whole number in the range. */
export function readWholeNumber(
  name: string,
  text: string,
  { min, max }: { min: number; max: number },
  faults: string[],
): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  // What is no number may be a secret that got into the wrong setting.
  const shown = /^-?\d{1,9}$/.test(text) ? ` ${text}` : ''
  faults.push(`${name}${shown}: allowed are ${min} to ${max}`)
  return Number.NaN
}
