// Runs the demonstration room as a process of its own, until it is told to stop.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { nodeClock, nodeRandom } from '../runtime/node.ts'
import { openDemoLab } from './demo-lab.ts'
import { describeServer } from './oracle.ts'

const USAGE = `usage: npm run lab -- [--dir DIR] [--ipmi-port N] [--snmp-port N] [--control-port N]
                      [--stop-notices ADDRESS:PORT]... [--management-servers 1|2]
Ports default to whatever the OS gives; DIR (default .palisade/lab) receives secrets and site file.`

try {
  await main()
} catch (error) {
  if (!(error instanceof Error)) throw error
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  console.error(`the lab cannot start: ${error.message}${cause}`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const options = readOptions()
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`)
    process.exitCode = 2
    return
  }
  const lab = await openDemoLab(options, { clock: nodeClock, random: nodeRandom })
  for (const server of lab.room.servers.values()) {
    const { bmc, systemAddress } = describeServer(lab.room, server)
    console.log(`${server.name}\tIPMI ${bmc.address}:${bmc.port}\tsystem ${systemAddress ?? '--'}`)
  }
  for (const { name, family, place } of lab.room.pdus.values()) {
    console.log(`${name}\tSNMP ${place.address}:${place.port}\t${family}`)
  }
  console.log(`control\t${lab.control.url}\nsite\t${lab.siteFile}`)
  const stop = () => void lab.close()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

/** The options, or what is wrong with them. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        dir: { type: 'string', default: '.palisade/lab' },
        'ipmi-port': { type: 'string', default: '0' },
        'snmp-port': { type: 'string', default: '0' },
        'control-port': { type: 'string', default: '0' },
        'stop-notices': { type: 'string', multiple: true, default: [] },
        'management-servers': { type: 'string', default: '1' },
      },
    })
    const managementServers = values['management-servers']
    if (managementServers !== '1' && managementServers !== '2') {
      return `--management-servers is ${managementServers}; allowed is 1 or 2`
    }
    return {
      directory: resolve(values.dir),
      ipmiPort: readPort('--ipmi-port', values['ipmi-port']),
      snmpPort: readPort('--snmp-port', values['snmp-port']),
      controlPort: readPort('--control-port', values['control-port']),
      stopNoticeTargets: values['stop-notices'].map(readPlace),
      managementServers: managementServers === '1' ? (1 as const) : (2 as const),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function readPlace(text: string) {
  const [address = '', port = ''] = text.split(':')
  if (!/^[\d.]{7,15}$/.test(address)) {
    throw new Error(`--stop-notices is ${text}; allowed is ADDRESS:PORT`)
  }
  return { address, port: readPort('--stop-notices', port) }
}

function readPort(name: string, text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new Error(`${name} is ${text}; allowed is 0–65535`)
  }
  return port
}
