// How a command ends: the exit codes of spec api.md, and the error that carries one.

export const EXIT = {
  done: 0,
  /** Failed, or not fenced. */
  failed: 1,
  usage: 2,
  refused: 3,
  /** The outcome is not known: nothing may be concluded from it. */
  unknown: 4,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** One bad field, as people have to see it to put it right. */
export interface ShownFault {
  pointer: string
  detail: string
  value?: string | number | boolean | null | undefined
  allowed?: string | undefined
}

export interface ErrorNotes {
  /** Stable word for scripts. */
  code: string
  /** HTTP status, where there was an answer. */
  status?: number | undefined
  faults?: readonly ShownFault[] | undefined
  /** What to do next. */
  next?: string | undefined
  cause?: unknown
}

/** Ends the command. The message is for people and holds no secret. */
export class CommandError extends Error {
  readonly exit: ExitCode
  readonly notes: ErrorNotes

  constructor(exit: ExitCode, message: string, notes: ErrorNotes) {
    super(message, { cause: notes.cause })
    this.name = 'CommandError'
    this.exit = exit
    this.notes = notes
  }
}

export function usageError(message: string, next?: string): CommandError {
  return new CommandError(EXIT.usage, message, { code: 'usage', next })
}
