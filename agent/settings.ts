// The command line of the agent. No secret is ever an argument: tokens come from files.
import { parseArgs } from 'node:util'
import { STOP_NOTICE_PORT } from './drivers/kdump.ts'

export interface AgentSettings {
  dataDirectory: string
  /** Base URL; needed for enrolment, and later only when it has changed. */
  controlPlane: string | undefined
  name: string | undefined
  enrolmentTokenFile: string | undefined
  stopNotices: { address?: string; port: number }
}

const USAGE = `usage: node agent/main.ts --data DIR [--control-plane URL] [--name NAME]
         [--enrolment-token-file FILE] [--stop-notice-address ADDRESS] [--stop-notice-port N]`

/** All faults at once, each naming option, value and what is allowed. */
export function readSettings(argv: string[]): { settings: AgentSettings } | { faults: string[] } {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        data: { type: 'string' },
        'control-plane': { type: 'string' },
        name: { type: 'string' },
        'enrolment-token-file': { type: 'string' },
        'stop-notice-address': { type: 'string' },
        'stop-notice-port': { type: 'string', default: String(STOP_NOTICE_PORT) },
      },
    })
    const faults: string[] = []
    const port = Number(values['stop-notice-port'])
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      faults.push(`--stop-notice-port is ${values['stop-notice-port']}; allowed is 0–65535`)
    }
    if (values.data === undefined) faults.push('--data is missing; it names the data directory')
    if (faults.length > 0 || values.data === undefined) return { faults: [...faults, USAGE] }
    const address = values['stop-notice-address']
    return {
      settings: {
        dataDirectory: values.data,
        controlPlane: values['control-plane'],
        name: values.name,
        enrolmentTokenFile: values['enrolment-token-file'],
        stopNotices: { port, ...(address === undefined ? {} : { address }) },
      },
    }
  } catch (error) {
    return { faults: [error instanceof Error ? error.message : String(error), USAGE] }
  }
}
