// When the hard step of the demonstration site has to come.
import { expect } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'

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
