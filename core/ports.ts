// Time and randomness as the rest of Palisade sees them: handed in, never taken from the runtime.

export type Cancel = () => void

export interface Clock {
  /**
   * Monotonic milliseconds with fraction. Counts on over restarts of the process as long as the machine
   * has not booted in between; comparable only within one boot.
   */
  now(): number
  /** Wall clock as RFC 3339 UTC with microseconds. For people and records; decides nothing. */
  wall(): string
  /** Wall clock in epoch milliseconds, for what the control plane stores and signs. */
  wallMs(): number
  /** Runs the callback once, `delayMs` from now at the earliest. */
  after(delayMs: number, callback: () => void): Cancel
}

export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1): jitter only, never a secret. */
  fraction(): number
}
