// What the fleet is driven against: a control plane on one of the two runtimes, with a Postgres that syncs, all
// as processes of their own.
import { cpuMs, residentMb } from '../machine.ts'

export const TARGETS = ['node', 'workerd'] as const
export type TargetKind = (typeof TARGETS)[number]

export interface Target {
  name: string
  url: string
  adminToken: string
  databaseUrl: string
  /** How long it takes to come to rest after work: idle connections go, objects fall asleep. */
  restMs: number
  /** Processes of the control plane; not those of Postgres. */
  pids(): number[]
  /** Times that an object was woken since the start, by cause; undefined where nothing sleeps. */
  wakes?(): Record<string, number>
  /** The bare server that reads are compared with, on the same runtime and database. */
  startBare(): Promise<Bare>
  stop(): Promise<void>
}

export interface Bare {
  url: string
  pids(): number[]
  stop(): Promise<void>
}

/** Resident memory of the control plane in MB. */
export function memoryMb(target: Target): number {
  return target.pids().reduce((sum, pid) => sum + residentMb(pid), 0)
}

/** Processor time of a server so far. */
export function processorMs(target: Pick<Target, 'pids'>): number {
  return target.pids().reduce((sum, pid) => sum + cpuMs(pid), 0)
}
