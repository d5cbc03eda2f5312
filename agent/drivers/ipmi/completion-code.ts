// Completion codes (IPMI v1.5 §5.2), and what each proves about a command that has an effect.

interface Meaning {
  text: string
  /** The code says that the command was not carried out. */
  proves?: 'not-done'
  /** The same question may be answered properly a moment later. */
  passing?: true
}

const COMPLETION_CODES: Record<number, Meaning> = {
  0: { text: 'completed' },
  192: { text: 'node busy, command could not be processed', proves: 'not-done', passing: true },
  193: { text: 'invalid command', proves: 'not-done' },
  194: { text: 'command invalid for this LUN', proves: 'not-done' },
  195: { text: 'timeout while processing the command', passing: true },
  196: { text: 'out of space' },
  197: { text: 'reservation cancelled', proves: 'not-done' },
  198: { text: 'request truncated', proves: 'not-done' },
  199: { text: 'request length invalid', proves: 'not-done' },
  200: { text: 'request length limit exceeded', proves: 'not-done' },
  201: { text: 'parameter out of range', proves: 'not-done' },
  202: { text: 'cannot return the requested number of bytes' },
  203: { text: 'not present', proves: 'not-done' },
  204: { text: 'invalid data field in request', proves: 'not-done' },
  205: { text: 'command illegal for this sensor or record', proves: 'not-done' },
  206: { text: 'response could not be provided', passing: true },
  207: { text: 'cannot execute a duplicated request', passing: true },
  208: { text: 'response could not be provided, repository in update', passing: true },
  209: { text: 'response could not be provided, firmware update', passing: true },
  210: { text: 'response could not be provided, BMC is starting', passing: true },
  211: { text: 'destination unavailable', proves: 'not-done' },
  212: { text: 'insufficient privilege', proves: 'not-done' },
  213: { text: 'not supported in the present state', proves: 'not-done' },
  214: { text: 'sub-function disabled', proves: 'not-done' },
  255: { text: 'unspecified error' },
}

export const COMPLETED = 0x00

/** For a person: `C3h timeout while processing the command`. */
export function describeCompletionCode(code: number): string {
  const text = COMPLETION_CODES[code]?.text ?? 'code without a general meaning'
  return `${code.toString(16).toUpperCase().padStart(2, '0')}h ${text}`
}

/**
 * Whether the code proves that the command did nothing. Codes that only withhold the response (C3h, CEh,
 * CFh, D0h–D2h), FFh, and device or command specific ones do not: the act may have happened.
 */
export function provesNotDone(code: number): boolean {
  return COMPLETION_CODES[code]?.proves === 'not-done'
}

/** Whether a read may well succeed when asked again a moment later. */
export function isPassing(code: number): boolean {
  return COMPLETION_CODES[code]?.passing === true
}
