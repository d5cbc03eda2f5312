// The lab as a process, and its control port as the oracle: what really happened to the machines.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PduFaults, ServerFaults } from '../../lab/model/faults.ts'
import type { describePdu, describeServer } from '../../lab/oracle.ts'
import { type Closing, launch, type Program } from './programs.ts'

export type TrueServer = ReturnType<typeof describeServer>
export type TruePdu = ReturnType<typeof describePdu>

export class Oracle {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  servers(): Promise<TrueServer[]> {
    return this.#ask('/servers')
  }

  server(name: string): Promise<TrueServer> {
    return this.#ask(`/servers/${name}`)
  }

  pdu(name: string): Promise<TruePdu> {
    return this.#ask(`/pdus/${name}`)
  }

  async outletIsLive(pdu: string, outlet: number): Promise<boolean> {
    const { outlets } = await this.pdu(pdu)
    return outlets.find((candidate) => candidate.outlet === outlet)?.live ?? false
  }

  /** What a PDU was ordered to do with one outlet, in order. */
  async ordersTo(pdu: string, outlet: number): Promise<TruePdu['orders']> {
    const { orders } = await this.pdu(pdu)
    return orders.filter((order) => order.outlet === outlet)
  }

  async breakServer(name: string, faults: Partial<ServerFaults>): Promise<void> {
    await this.#ask(`/servers/${name}/faults`, faults)
  }

  async breakPdu(name: string, faults: Partial<PduFaults>): Promise<void> {
    await this.#ask(`/pdus/${name}/faults`, faults)
  }

  async os(
    name: string,
    action: 'panic' | 'halt' | 'boot' | 'shutdown' | 'power-on',
  ): Promise<void> {
    await this.#ask(`/servers/${name}/os`, { action })
  }

  async #ask<T>(path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#url}${path}`, {
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
      headers: { 'content-type': 'application/json' },
    })
    if (!response.ok) throw new Error(`lab ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }
}

export interface LabProcess {
  program: Program
  oracle: Oracle
  siteFile: string
  /** The secrets of its devices. */
  secrets: string[]
}

export async function startLab(closing: Closing, stopNoticePort: number): Promise<LabProcess> {
  const directory = closing.directory()
  const notices = `127.0.0.1:${stopNoticePort}`
  const program = launch(['lab/main.ts', '--dir', directory, '--stop-notices', notices])
  closing.add(() => program.stop())
  await program.printed(/^site\t/m)
  const [, url = ''] = await program.printed(/^control\t(\S+)$/m)
  return {
    program,
    oracle: new Oracle(url),
    siteFile: join(directory, 'site.yaml'),
    secrets: ['bmc-PSERVER1', 'pdu-a'].map((name) =>
      readFileSync(join(directory, `${name}.secret`), 'utf8').trim(),
    ),
  }
}
