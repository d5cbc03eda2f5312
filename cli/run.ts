// Takes arguments to a command and errors to an exit code.
import { type Client, connect } from './client.ts'
import { type Call, parseCommand } from './command.ts'
import { findCommand } from './commands.ts'
import { CommandError, EXIT, type ExitCode, usageError } from './exit.ts'
import { explain, overview } from './help.ts'
import { makePaint } from './paint.ts'
import { printError } from './print.ts'
import type { World } from './world.ts'

const HELP_WORDS = ['help', '--help', '-h']

/** Runs one command to its exit code. Only a broken assumption of ours is thrown. */
export async function runPalisade(argv: readonly string[], world: World): Promise<ExitCode> {
  const json = argv.includes('--json')
  const paint = makePaint(world)
  try {
    return await dispatch(
      argv.filter((word) => word !== '--json'),
      { world, paint, json },
    )
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    printError(world, error, { json, paint })
    return error.exit
  }
}

async function dispatch(
  argv: readonly string[],
  surroundings: Pick<Call, 'world' | 'paint' | 'json'>,
): Promise<ExitCode> {
  const { world } = surroundings
  const [first] = argv
  if (first === undefined || HELP_WORDS.includes(first)) return help(argv.slice(1), world, first)
  const found = findCommand(argv)
  if (!found)
    throw usageError(`there is no command "${argv.slice(0, 2).join(' ')}"`, 'palisade help')
  const { command, rest } = found
  const args = parseCommand(command, rest)
  if (args.flag('help')) return help(command.words, world, 'help')
  // Connected before the command runs, so that a missing token is told before anything is read or asked.
  let client: Client | undefined
  const offline = command.offline?.(args) ?? false
  if (!offline) client = await connect(world)
  return await command.run({
    ...surroundings,
    args,
    client() {
      if (!client) throw new Error(`${command.words.join(' ')} is declared to work offline`)
      return client
    },
  })
}

function help(words: readonly string[], { out, err }: World, asked: string | undefined): ExitCode {
  const command = words.length === 0 ? undefined : findCommand(words)?.command
  if (words.length > 0 && !command) throw usageError(`there is no command "${words.join(' ')}"`)
  const text = `${command ? explain(command) : overview()}\n`
  if (asked !== undefined) out(text)
  else err(text)
  return asked === undefined ? EXIT.usage : EXIT.done
}
