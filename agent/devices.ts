// The device controllers of one site: created from the site document, kept warm, replaced when their
// settings change. A controller whose settings did not change keeps its session.

import type { Clock, Random } from '../core/ports.ts'
import { kgBytes } from '../core/secret-limits.ts'
import { type Machine, machinesOf, type Pdu, type SiteDocument } from '../core/site.ts'
import { SEAL_PURPOSE } from '../protocol/credential.ts'
import { type Bindings, createBindings } from './bindings.ts'
import type { Link, OutletController, PowerController } from './drivers/driver.ts'
import { createIpmiPowerController } from './drivers/ipmi/power-controller.ts'
import { createSnmpOutletController, type SnmpAccess } from './drivers/snmp/outlet-controller.ts'

/** Opens one sealed credential; throws, naming no secret, when it cannot. */
export type Unseal = (sealed: string, purpose: string) => Promise<string>

export interface DeviceEvents {
  linkChanged(device: DeviceName, link: Link): void
  /** The device answered something asked at this monotonic instant. */
  heard(device: DeviceName, askedAt: number): void
}

export interface DeviceName {
  kind: 'bmc' | 'pdu'
  /** Of the server or management server, or of the PDU. */
  name: string
}

export interface DevicesOptions {
  clock: Clock
  random: Random
  events: DeviceEvents
  /** Where bound identities are kept. */
  bindingsFile: string
}

interface Held<Controller> {
  settings: string
  controller: Controller
}

export class Devices {
  readonly #options: DevicesOptions
  readonly #bindings: Bindings
  readonly #bmcs = new Map<string, Held<PowerController>>()
  readonly #pdus = new Map<string, Held<OutletController>>()
  #outletNames: ReadonlyMap<string, string> = new Map()

  constructor(options: DevicesOptions) {
    this.#options = options
    this.#bindings = createBindings(options.bindingsFile)
  }

  findBmc(machine: string): PowerController | undefined {
    return this.#bmcs.get(machine)?.controller
  }

  findPdu(name: string): OutletController | undefined {
    return this.#pdus.get(name)?.controller
  }

  /**
   * Brings the controllers in line with the document. Returns what could not be set up, one line each (the
   * rest works), and the machines whose BMC is another one now.
   */
  async apply(
    site: SiteDocument,
    unseal: Unseal,
  ): Promise<{ faults: string[]; replaced: string[] }> {
    const faults: string[] = []
    const replaced: string[] = []
    const machines = machinesOf(site)
    this.#outletNames = outletNamesOf(site)
    this.#drop(this.#bmcs, (name) => machines.some((machine) => machine.name === name))
    this.#drop(this.#pdus, (name) => site.spec.pdus.some((pdu) => pdu.name === name))
    for (const machine of machines) {
      await attempt(faults, `BMC of ${machine.name}`, async () => {
        if (await this.#applyBmc(machine, unseal)) replaced.push(machine.name)
      })
    }
    for (const pdu of site.spec.pdus) {
      await attempt(faults, `PDU ${pdu.name}`, () => this.#applyPdu(pdu, unseal))
    }
    return { faults, replaced }
  }

  async close(): Promise<void> {
    const held = [...this.#bmcs.values(), ...this.#pdus.values()]
    await Promise.all(held.map(({ controller }) => controller.close()))
  }

  #drop<C extends { close(): Promise<void> }>(
    held: Map<string, Held<C>>,
    keep: (name: string) => boolean,
  ): void {
    for (const [name, { controller }] of held) {
      if (keep(name)) continue
      held.delete(name)
      void controller.close()
    }
  }

  /** True when a controller was replaced. */
  async #applyBmc({ name, renamedFrom, bmc }: Machine, unseal: Unseal): Promise<boolean> {
    const settings = JSON.stringify(bmc)
    const held = this.#bmcs.get(name)
    if (held?.settings === settings) return false
    const password = await unseal(bmc.password.sealed, SEAL_PURPOSE.bmcPassword)
    const kg = bmc.kg ? await unseal(bmc.kg.sealed, SEAL_PURPOSE.bmcKg) : undefined
    if (held) await held.controller.close()
    const { clock, random, events } = this.#options
    const device: DeviceName = { kind: 'bmc', name }
    const bound = this.#bindings.find(name, bmc) ?? this.#bindings.find(renamedFrom ?? name, bmc)
    const controller = createIpmiPowerController({
      name,
      address: bmc.address,
      port: bmc.port,
      username: bmc.username,
      password,
      ...(kg === undefined ? {} : { kg: kgBytes(kg) }),
      ...(bound === undefined ? {} : { boundIdentity: bound }),
      bindIdentity: (identity) => this.#bindings.bind(name, bmc, identity),
      clock,
      random,
      events: {
        linkChanged: (link) => events.linkChanged(device, link),
        heard: (askedAt) => events.heard(device, askedAt),
      },
    })
    this.#bmcs.set(name, { settings, controller })
    controller.start()
    return held !== undefined
  }

  async #applyPdu(pdu: Pdu, unseal: Unseal): Promise<void> {
    const { name, snmp: sealed, renamedFrom: _, ...driven } = pdu
    const settings = JSON.stringify([driven, sealed])
    const held = this.#pdus.get(name)
    if (held?.settings === settings) return
    const snmp = await openSnmp(sealed, unseal)
    if (held) await held.controller.close()
    const { clock, random, events } = this.#options
    const device: DeviceName = { kind: 'pdu', name }
    const controller = createSnmpOutletController({
      ...driven,
      name,
      snmp,
      nameOf: (outlet) => this.#outletNames.get(`${name}/${outlet}`),
      clock,
      random,
      events: {
        linkChanged: (link) => events.linkChanged(device, link),
        heard: (askedAt) => events.heard(device, askedAt),
      },
    })
    this.#pdus.set(name, { settings, controller })
    controller.start()
  }
}

/** The names that outlets must have, by `PDU/NUMBER`. */
function outletNamesOf({ spec }: SiteDocument): Map<string, string> {
  const feeds = [...spec.servers, ...spec.managementServers].flatMap((owner) => owner.feeds)
  return new Map(
    feeds.flatMap(({ pdu, outlet, outletName }) =>
      outletName === undefined ? [] : [[`${pdu}/${outlet}`, outletName] as const],
    ),
  )
}

async function attempt(faults: string[], what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function openSnmp(snmp: Pdu['snmp'], unseal: Unseal): Promise<SnmpAccess> {
  if (snmp.version !== '3') {
    const community = await unseal(snmp.community.sealed, SEAL_PURPOSE.snmpCommunity)
    return { version: snmp.version, community }
  }
  const { version, user, level, auth, priv } = snmp
  return {
    version,
    user,
    level,
    ...(auth
      ? {
          auth: {
            protocol: auth.protocol,
            password: await unseal(auth.password.sealed, SEAL_PURPOSE.snmpAuth),
          },
        }
      : {}),
    ...(priv
      ? {
          priv: {
            protocol: priv.protocol,
            password: await unseal(priv.password.sealed, SEAL_PURPOSE.snmpPriv),
          },
        }
      : {}),
  }
}
