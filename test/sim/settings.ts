// What every simulated world has in common.

export const SITE = 'sim'
export const RESERVE_BYTES = 65_536
/** Wall clock at the beginning, epoch ms. */
export const EPOCH_MS = Date.UTC(2026, 0, 1)
/** More than an agent looks back at its start. */
export const KEPT_RECORDS = 2100
