// A secret that is shown once: to standard output alone, or into a file of the owner's.

import { reasonOf } from './client.ts'
import type { Call, OptionSpec } from './command.ts'
import { CommandError, EXIT } from './exit.ts'

export const OUT_OPTION: OptionSpec = {
  type: 'string',
  value: 'FILE',
  summary: 'write the secret to this file, readable by you only, instead of showing it',
}

/** Gives back what may be printed: without the token when it went into a file. */
export async function handOver<T extends { token: string }>(
  { args, world, json }: Call,
  answer: T,
): Promise<Omit<T, 'token'> | T> {
  const path = args.text('out')
  if (path === undefined) {
    if (!json) world.out(`${answer.token}\n`)
    return answer
  }
  const { token, ...rest } = answer
  try {
    await world.writePrivate(path, `${token}\n`)
  } catch (cause) {
    const message = `cannot write ${path}: ${reasonOf(cause)}; the secret is lost, make another`
    throw new CommandError(EXIT.failed, message, { code: 'cannot-write', cause })
  }
  return rest
}
