// What can go wrong in a world, one by one: each is a value that tells when, where and how long.
import type { PowerAction } from '../../agent/drivers/driver.ts'
import type { Fate } from './machine.ts'
import type { CrashPoint } from './station.ts'
import type { World } from './world.ts'

type Way = 'there' | 'back' | 'both'

export type Fault = { at: number } & (
  | { kind: 'bmc-freezes'; server: string; forMs: number; keeps: boolean }
  | { kind: 'bmc-restarts'; server: string; bootMs: number; saysOffMs: number }
  | { kind: 'bmc-fate'; server: string; action: PowerAction; fate: Fate }
  | { kind: 'pdu-freezes'; pdu: string; forMs: number; keeps: boolean }
  | { kind: 'outlet-fate'; pdu: string; outlet: number; to: 'on' | 'off'; fate: Fate }
  | { kind: 'relay-slow'; pdu: string; takesMs: number; forMs: number }
  | { kind: 'path-cut'; path: [string, string]; way: Way; forMs: number }
  | { kind: 'path-bad'; path: [string, string]; loss: number; repeats: number; forMs: number }
  | { kind: 'path-slow'; path: [string, string]; slowMs: number; jitterMs: number; forMs: number }
  | { kind: 'link-cut' }
  | {
      kind: 'crash'
      point: CrashPoint | 'now'
      nth: number
      power: boolean
      reboots: boolean
      downMs: number
    }
  | { kind: 'pause'; forMs: number; clockStands: boolean }
  | { kind: 'stall'; forMs: number }
  | { kind: 'wall-jump'; byMs: number }
  | { kind: 'disk-slow'; slowMs: number; forMs: number }
  | { kind: 'disk-full'; forMs: number }
  | { kind: 'hub-crash'; downMs: number; forgetsMs: number }
  | { kind: 'replay'; nth: number }
  | { kind: 'panic'; server: string }
  | { kind: 'pressed-off'; server: string }
  | { kind: 'kdump-fails'; server: string; how: 'silent' | 'survives'; forMs: number }
)

export function apply(world: World, fault: Fault): void {
  const { room, hub, station } = world
  world.note(() => `fault: ${describe(fault)}`)
  switch (fault.kind) {
    case 'bmc-freezes':
      return room.machine(fault.server).freeze(fault.forMs, fault.keeps)
    case 'bmc-restarts':
      return room.machine(fault.server).restartBmc(fault.bootMs, fault.saysOffMs)
    case 'bmc-fate':
      return void room.machine(fault.server).fates.push(fault)
    case 'pdu-freezes':
      return room.pdu(fault.pdu).freeze(fault.forMs, fault.keeps)
    case 'outlet-fate':
      return void room.pdu(fault.pdu).fates.push(fault)
    case 'relay-slow': {
      const pdu = room.pdu(fault.pdu)
      pdu.takesMs = fault.takesMs
      return world.later(fault.forMs, () => {
        pdu.takesMs = 100
      })
    }
    case 'path-cut':
    case 'path-bad':
    case 'path-slow':
      return troublePath(world, fault)
    case 'link-cut':
      return hub.cutLinks()
    case 'crash': {
      const { point, nth, power, reboots, downMs } = fault
      const crash = { power, reboots, downMs }
      if (point === 'now') return station.crash(crash)
      return station.arm(point, nth, crash)
    }
    case 'pause':
      return station.pause(fault.forMs, fault.clockStands)
    case 'stall':
      station.disturb(fault.forMs + 2000)
      if (station.life) station.life.stallMs = fault.forMs
      return
    case 'wall-jump':
      station.wallAheadMs += fault.byMs
      return
    case 'disk-slow':
    case 'disk-full':
      return troubleDisk(world, fault)
    case 'hub-crash':
      return hub.crash(fault.downMs, fault.forgetsMs)
    case 'replay': {
      const rows = [...hub.rows.values()]
      const row = rows[fault.nth % Math.max(1, rows.length)]
      return row && hub.replay(row.token)
    }
    case 'panic':
      return room.machine(fault.server).panic()
    case 'pressed-off':
      return room.machine(fault.server).pressOff()
    case 'kdump-fails': {
      const machine = room.machine(fault.server)
      machine.kdumpFails = fault.how
      return world.later(fault.forMs, () => {
        machine.kdumpFails = undefined
      })
    }
  }
}

function troublePath(
  world: World,
  fault: Extract<Fault, { kind: 'path-cut' | 'path-bad' | 'path-slow' }>,
): void {
  const { trouble } = world.room.path(...fault.path)
  if (fault.kind === 'path-cut') {
    const { cut } = trouble
    const set = (is: boolean) => {
      if (fault.way !== 'back') cut.there = is
      if (fault.way !== 'there') cut.back = is
    }
    set(true)
    return world.later(fault.forMs, () => {
      set(false)
      world.hub.flow()
    })
  }
  if (fault.kind === 'path-bad') {
    const { loss, repeats } = fault
    Object.assign(trouble, { loss, repeats })
    return world.later(fault.forMs, () => Object.assign(trouble, { loss: 0, repeats: 0 }))
  }
  const { slowMs, jitterMs } = fault
  Object.assign(trouble, { slowMs, jitterMs })
  world.later(fault.forMs, () => Object.assign(trouble, { slowMs: 0, jitterMs: 0 }))
}

function troubleDisk(
  { station, later }: World,
  fault: Extract<Fault, { kind: 'disk-slow' | 'disk-full' }>,
): void {
  const { disk } = station
  station.disturb(fault.forMs + 5000)
  if (fault.kind === 'disk-full') {
    disk.setFull(true)
    return later(fault.forMs, () => disk.setFull(false))
  }
  disk.trouble.slowMs = fault.slowMs
  later(fault.forMs, () => {
    disk.trouble.slowMs = 0
  })
}

export function describe({ at: _, ...fault }: Fault): string {
  const { kind, ...rest } = fault
  const told = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`)
  return [kind, ...told].join(', ')
}
