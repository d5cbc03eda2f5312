// How the executor reaches devices by name: every look comes back, and a device that is missing or silent
// says nothing about power.
import type { OutletLook, PowerLook } from '../core/ladder/ladder.ts'
import type { Plan } from '../core/plan.ts'
import type { Clock } from '../core/ports.ts'
import type { Device, Shot } from '../core/shot.ts'
import type { LogLook, LogQuestion } from '../core/supply-log.ts'
import type { Devices } from './devices.ts'
import type { Armed, OutletController, PowerController } from './drivers/driver.ts'

/**
 * Why a device is not the one that this reset was accepted for; undefined when it is. Another machine's word
 * must neither complete a reset nor be shot at for it.
 */
export function refusePlace(devices: Devices, plan: Plan, device: Device): string | undefined {
  if (device.kind === 'bmc') {
    const { address, port } = plan.bmc
    const place = devices.findPlace({ kind: 'bmc', name: plan.server })
    if (!place || (place.address === address && place.port === port)) return undefined
    return `the BMC of ${plan.server} is no longer the one at ${address} port ${port}`
  }
  const { pdu } = device
  const place = devices.findPlace({ kind: 'pdu', name: pdu })
  const feed = plan.feeds.find((planned) => planned.pdu === pdu)
  if (!place || !feed || place.address === feed.pduAddress) return undefined
  return `PDU ${pdu} is no longer the one at ${feed.pduAddress}`
}

/** `refusal`: why this device is not to be asked, by `refusePlace`; it then counts as silent. */
export async function lookAtPower(
  devices: Devices,
  server: string,
  timeoutMs: number,
  clock: Clock,
  refusal?: string,
): Promise<PowerLook> {
  const silent = (askedAt: number, detail: string): PowerLook => ({
    value: 'silent',
    askedAt,
    readAt: clock.wall(),
    session: 0,
    sessionOpenedAt: askedAt,
    identity: 'unproven',
    detail,
  })
  const askedAt = clock.now()
  if (refusal !== undefined) return silent(askedAt, refusal)
  const controller = devices.findBmc(server)
  if (!controller) return silent(askedAt, 'no BMC is set up for this server')
  const reading = await controller.read(timeoutMs)
  return reading.value === 'silent' ? silent(reading.askedAt, reading.detail) : reading
}

/** `refusal`: as in `lookAtPower`. */
export async function lookAtOutlets(
  devices: Devices,
  pdu: string,
  outlets: readonly number[],
  timeoutMs: number,
  clock: Clock,
  refusal?: string,
): Promise<OutletLook> {
  const controller = devices.findPdu(pdu)
  const look = { pdu, askedAt: clock.now(), readAt: clock.wall() }
  if (refusal !== undefined) return { ...look, outlets: undefined, detail: refusal }
  if (!controller) return { ...look, outlets: undefined, detail: `PDU ${pdu} is not set up` }
  const reading = await controller.read(outlets, timeoutMs)
  if (reading.value === 'silent') {
    return { ...look, askedAt: reading.askedAt, outlets: undefined, detail: reading.detail }
  }
  const { askedAt, readAt } = reading
  return { pdu, askedAt, readAt, outlets: reading.outlets, detail: '' }
}

/** All at once; a log that cannot be read comes back as such. */
export function lookAtLogs(
  devices: Devices,
  logs: readonly LogQuestion[],
  timeoutMs: number,
): Promise<LogLook[]> {
  const look = async ({ server, from }: LogQuestion): Promise<LogLook> => {
    const controller = devices.findBmc(server)
    if (!controller) return { server, read: undefined, detail: 'no BMC is set up' }
    const { read, detail } = await controller.events(from, timeoutMs)
    return { server, read, detail }
  }
  return Promise.all(logs.map(look))
}

export async function probe(devices: Devices, server: string, timeoutMs: number): Promise<boolean> {
  const controller = devices.findBmc(server)
  // Without a controller nothing can show that the BMC is silent.
  return controller ? controller.probe(timeoutMs) : true
}

/** The effect ready to leave in this turn, or why it cannot. */
export function armShot(devices: Devices, server: string, shot: Shot): Armed | { detail: string } {
  if (shot.device.kind === 'bmc') {
    const controller = devices.findBmc(server)
    return controller?.arm(shot.action) ?? { detail: reason(controller, 'BMC') }
  }
  const { pdu, outlet } = shot.device
  const controller = devices.findPdu(pdu)
  const to = shot.action === 'on' ? 'on' : 'off'
  const armed = controller?.arm(outlet, to)
  if (armed) return armed
  return controller?.link.state === 'up'
    ? { detail: `PDU ${pdu} has no outlet ${outlet}, or it does not have its name` }
    : { detail: reason(controller, `PDU ${pdu}`) }
}

function reason(controller: Pick<PowerController, 'link'> | undefined, what: string): string {
  if (!controller) return `${what} is not set up`
  return `no way to the ${what}: ${controller.link.detail || controller.link.state}`
}

/** A wait for the way to a device that is just being connected; undefined when there is nothing to wait for. */
export function waitForWay(
  devices: Devices,
  server: string,
  { device }: Shot,
): ((timeoutMs: number) => Promise<boolean>) | undefined {
  const controller: PowerController | OutletController | undefined =
    device.kind === 'bmc' ? devices.findBmc(server) : devices.findPdu(device.pdu)
  if (controller?.link.state !== 'connecting') return undefined
  return (timeoutMs) => controller.ready(timeoutMs)
}
