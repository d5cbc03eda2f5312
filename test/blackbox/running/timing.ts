// When the hard step of the demonstration site has to come, and what a reset must have done in the end.
import { expect } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import type { Watched } from '../installation.ts'

const HARD_AFTER_MS = 2500
/** What a busy machine may take between the instant of a timer and the datagram at the BMC. */
const LATE_MS = 1500

/** By the clock of the machine that was reset, which is the clock of the control plane here. */
export function expectOnTime({ wall }: { wall: string }, { requestedAt }: ResetView): void {
  const afterMs = Date.parse(wall) - Date.parse(requestedAt)
  expect(afterMs).toBeGreaterThanOrEqual(HARD_AFTER_MS - 5)
  expect(afterMs).toBeLessThan(HARD_AFTER_MS + LATE_MS)
}

export const REBOOTED = { status: 'complete', result: 'REBOOT', fenced: true }

/**
 * Once and truly: by a hard reset, or, where the agent has not seen the BMC lately or hears nothing of it, by the
 * outlets.
 */
export async function expectFencedOnce(view: ResetView, machine: Watched): Promise<void> {
  expect(view, JSON.stringify(view)).toMatchObject({ status: 'complete', fenced: true })
  expect(['REBOOT', 'POFF']).toContain(view.result)
  const { reset, off, cycle } = await machine.executed()
  expect(await machine.bootEnded()).toBe(true)
  expect(reset).toBeLessThanOrEqual(1)
  if (view.result === 'REBOOT')
    expect({ reset, off, cycle }).toEqual({ reset: 1, off: 0, cycle: 0 })
}
