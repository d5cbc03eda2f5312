// Follows a restore or test until it has ended, a line for each step as it comes.
import { operationSchema, type ShownOperation } from './answers.ts'
import { NoAnswer } from './client.ts'
import type { Call } from './command.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { pause, stepLine } from './follow-reset.ts'
import { plain } from './paint.ts'
import { sitePath } from './site-choice.ts'

const LOOK_EVERY_MS = 250

export interface OperationFollowing {
  site: string
  waitMs: number
}

/** Gives back the last that it saw. Lost answers only make it look again; Ctrl-C ends the watching alone. */
export async function followOperation(
  call: Call,
  first: ShownOperation,
  { site, waitMs }: OperationFollowing,
): Promise<ShownOperation> {
  const { clock } = call.world
  const until = clock.now() + waitMs
  const interrupt = new AbortController()
  const cancel = call.world.onInterrupt(() => interrupt.abort())
  const path = sitePath(site, `/operations/${encodeURIComponent(first.id)}`)
  let operation = first
  let shown = 0
  try {
    for (;;) {
      for (const step of operation.steps.slice(shown)) {
        if (!call.json) call.world.out(`${stepLine(step, operation.steps[0]?.at, call)}\n`)
      }
      shown = Math.max(shown, operation.steps.length)
      if (hasEnded(operation) || clock.now() >= until || interrupt.signal.aborted) return operation
      await pause(call, LOOK_EVERY_MS, interrupt.signal)
      operation = (await look(call, path, interrupt.signal)) ?? operation
    }
  } finally {
    cancel()
  }
}

async function look(
  call: Call,
  path: string,
  signal: AbortSignal,
): Promise<ShownOperation | undefined> {
  if (signal.aborted) return undefined
  try {
    return await call.client().get(path, operationSchema, { signal })
  } catch (error) {
    if (error instanceof NoAnswer) return undefined
    throw error
  }
}

export function hasEnded({ status }: ShownOperation): boolean {
  return ['done', 'failed', 'aborted'].includes(status)
}

/** What the agent refused never began. */
export function exitOfOperation(operation: ShownOperation): ExitCode {
  if (operation.status === 'done') return EXIT.done
  if (!hasEnded(operation)) return EXIT.unknown
  return operation.startedAt == null ? EXIT.refused : EXIT.failed
}

/** Why it ended so, with the stable word before it. */
export function reasonOf({ code, detail }: ShownOperation): string {
  return plain([code, detail].filter((text) => text != null && text !== '').join(': '))
}
