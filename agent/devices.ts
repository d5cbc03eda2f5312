// The device controllers of one site: created from the site document, kept warm, replaced when their
// settings change. A controller whose settings did not change keeps its session.

import type { Clock, Random } from '../core/ports.ts'
import { kgBytes } from '../core/secret-limits.ts'
import { type Machine, machinesOf, type Pdu, type SiteDocument } from '../core/site.ts'
import { SEAL_PURPOSE } from '../protocol/credential.ts'
import { type Bindings, createBindings } from './bindings.ts'
import { type Controllers, networkControllers } from './drivers/controllers.ts'
import type { Link, OutletController, PowerController } from './drivers/driver.ts'
import type { SnmpAccess } from './drivers/snmp/outlet-controller.ts'

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
  /** Default: over the network. */
  controllers?: Controllers
  /** Where bound identities are kept. */
  bindingsFile: string
}

/** What acts under way were planned with: it stays as it is until they have ended (spec domain.md §8). */
export interface DevicesInUse {
  machines: ReadonlySet<string>
  pdus: ReadonlySet<string>
}

const NOTHING_IN_USE: DevicesInUse = { machines: new Set(), pdus: new Set() }

export interface Place {
  address: string
  port: number
}

interface Held<Controller> {
  settings: string
  place: Place
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

  /** Where a device is reached; undefined when it is not set up. */
  findPlace({ kind, name }: DeviceName): Place | undefined {
    return (kind === 'bmc' ? this.#bmcs : this.#pdus).get(name)?.place
  }

  /**
   * Brings the controllers in line with the document, those in use excepted. Returns what could not be set
   * up, one line each (the rest works), the machines whose BMC is another one now, and whether anything in
   * use has to be brought in line later.
   */
  async apply(
    site: SiteDocument,
    unseal: Unseal,
    inUse: DevicesInUse = NOTHING_IN_USE,
  ): Promise<{ faults: string[]; replaced: string[]; deferred: boolean }> {
    const faults: string[] = []
    const replaced: string[] = []
    const machines = machinesOf(site)
    this.#outletNames = withNamesInUse(outletNamesOf(site), this.#outletNames, inUse)
    const bmcsLeft = this.#drop(
      this.#bmcs,
      new Set(machines.map(({ name }) => name)),
      inUse.machines,
    )
    const pdusLeft = this.#drop(
      this.#pdus,
      new Set(site.spec.pdus.map(({ name }) => name)),
      inUse.pdus,
    )
    let deferred = bmcsLeft || pdusLeft
    const ready = <C>(held: Held<C> | undefined, used: boolean, settings: string) => {
      if (!held || held.settings === settings || !used) return true
      deferred = true
      return false
    }
    for (const machine of machines) {
      const { name } = machine
      if (!ready(this.#bmcs.get(name), inUse.machines.has(name), bmcSettings(machine))) continue
      await attempt(faults, `BMC of ${name}`, async () => {
        if (await this.#applyBmc(machine, unseal)) replaced.push(name)
      })
    }
    for (const pdu of site.spec.pdus) {
      const { name } = pdu
      if (!ready(this.#pdus.get(name), inUse.pdus.has(name), pduSettings(pdu))) continue
      await attempt(faults, `PDU ${name}`, () => this.#applyPdu(pdu, unseal))
    }
    return { faults, replaced, deferred }
  }

  async close(): Promise<void> {
    const held = [...this.#bmcs.values(), ...this.#pdus.values()]
    await Promise.all(held.map(({ controller }) => controller.close()))
  }

  /** True when something that should go is in use. */
  #drop<C extends { close(): Promise<void> }>(
    held: Map<string, Held<C>>,
    wanted: ReadonlySet<string>,
    inUse: ReadonlySet<string>,
  ): boolean {
    let left = false
    for (const [name, { controller }] of held) {
      if (wanted.has(name)) continue
      if (inUse.has(name)) {
        left = true
        continue
      }
      held.delete(name)
      void controller.close()
    }
    return left
  }

  /** True when a controller was replaced. */
  async #applyBmc(machine: Machine, unseal: Unseal): Promise<boolean> {
    const { name, renamedFrom, bmc } = machine
    const settings = bmcSettings(machine)
    const held = this.#bmcs.get(name)
    if (held?.settings === settings) return false
    const password = await unseal(bmc.password.sealed, SEAL_PURPOSE.bmcPassword)
    const kg = bmc.kg ? await unseal(bmc.kg.sealed, SEAL_PURPOSE.bmcKg) : undefined
    if (held) await held.controller.close()
    const { clock, random, events, controllers = networkControllers } = this.#options
    const device: DeviceName = { kind: 'bmc', name }
    const bound = this.#bindings.find(name, bmc) ?? this.#bindings.find(renamedFrom ?? name, bmc)
    const controller = controllers.power({
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
    const { address, port } = bmc
    this.#bmcs.set(name, { settings, place: { address, port }, controller })
    controller.start()
    return held !== undefined
  }

  async #applyPdu(pdu: Pdu, unseal: Unseal): Promise<void> {
    const { name, snmp: sealed, renamedFrom: _, ...driven } = pdu
    const settings = pduSettings(pdu)
    const held = this.#pdus.get(name)
    if (held?.settings === settings) return
    const snmp = await openSnmp(sealed, unseal)
    if (held) await held.controller.close()
    const { clock, random, events, controllers = networkControllers } = this.#options
    const device: DeviceName = { kind: 'pdu', name }
    const controller = controllers.outlets({
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
    const { address, port } = pdu
    this.#pdus.set(name, { settings, place: { address, port }, controller })
    controller.start()
  }
}

const bmcSettings = ({ bmc }: Machine) => JSON.stringify(bmc)

function pduSettings({ snmp, renamedFrom: _, ...driven }: Pdu): string {
  return JSON.stringify([driven, snmp])
}

/** The names by which outlets in use were cut are those by which they come back. */
function withNamesInUse(
  names: Map<string, string>,
  before: ReadonlyMap<string, string>,
  { pdus }: DevicesInUse,
): Map<string, string> {
  const used = (outlet: string) => pdus.has(outlet.slice(0, outlet.lastIndexOf('/')))
  return new Map([
    ...[...names].filter(([outlet]) => !used(outlet)),
    ...[...before].filter(([outlet]) => used(outlet)),
  ])
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
