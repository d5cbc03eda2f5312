// Asks before something that people would regret.
import type { Call } from './command.ts'
import { CommandError, EXIT } from './exit.ts'
import { plain } from './paint.ts'

/** Asks for the name of what is concerned, unless told not to ask. Throws CommandError on any other answer. */
export async function confirm({ args, world }: Call, name: string, what: string): Promise<void> {
  if (args.flag('yes')) return
  world.err(`palisade: ${plain(what)}. Type ${plain(name)} to go on: `)
  for await (const line of world.readLines('-')) {
    if (line.trim() === name) return
    break
  }
  world.err('\n')
  throw new CommandError(EXIT.usage, 'not confirmed: nothing was done', {
    code: 'not-confirmed',
    next: 'type the name, or give --yes',
  })
}
