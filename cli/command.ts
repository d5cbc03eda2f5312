// What a command is, and how its arguments are read. Options that would carry a secret do not exist:
// what stands in argv can be read by everyone on the machine.
import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { Client } from './client.ts'
import { type ExitCode, usageError } from './exit.ts'
import type { Paint } from './paint.ts'
import type { World } from './world.ts'

export interface OptionSpec {
  type: 'string' | 'boolean'
  /** One letter. */
  short?: string
  /** What stands for the value in the usage line. */
  value?: string
  summary: string
}

export interface Command {
  /** The words that name it, such as `['show', 'status']`. */
  words: readonly string[]
  summary: string
  /** Names of positional arguments; `[NAME]` may be left out. */
  positionals?: readonly string[]
  options?: Readonly<Record<string, OptionSpec>>
  /** Paragraphs of its help, after the options. */
  notes?: readonly string[]
  /** Whether it needs no control plane with these arguments; by default it needs one. */
  offline?: (args: Arguments) => boolean
  run(call: Call): Promise<ExitCode>
}

export interface Call {
  world: World
  paint: Paint
  /** Throws for a command that is declared to work offline. */
  client(): Client
  args: Arguments
  json: boolean
}

export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  json: { type: 'boolean', summary: 'answer as JSON' },
  help: { type: 'boolean', short: 'h', summary: 'explain this command' },
}
export const SITE_OPTION: OptionSpec = {
  type: 'string',
  value: 'NAME',
  summary: 'the site; may be left out while there is only one',
}

export class Arguments {
  readonly positionals: readonly string[]
  readonly #values: Readonly<Record<string, unknown>>

  constructor(positionals: readonly string[], values: Readonly<Record<string, unknown>>) {
    this.positionals = positionals
    this.#values = values
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  needed(name: string): string {
    const value = this.text(name)
    if (value === undefined || value.trim() === '') throw usageError(`--${name} is missing`)
    return value
  }

  /** @throws CommandError naming the range when it is no whole number in it. */
  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw usageError(`--${name} ${text}: must be a whole number from ${min} to ${max}`)
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name)
    const chosen = choices.find((choice) => choice === text)
    if (text === undefined || chosen !== undefined) return chosen
    throw usageError(`--${name} ${text}: must be one of ${choices.join(', ')}`)
  }

  /** The positional argument at this place; `parseCommand` has seen to it that it is there. */
  at(index: number): string {
    return this.positionals[index] ?? ''
  }
}

/** Reads what follows the command's words. */
export function parseCommand(command: Command, argv: readonly string[]): Arguments {
  const options: ParseArgsConfig['options'] = {}
  for (const [name, { type, short }] of Object.entries({ ...COMMON_OPTIONS, ...command.options })) {
    options[name] = short === undefined ? { type } : { type, short }
  }
  const parsed = readArguments(argv, options)
  const args = new Arguments(parsed.positionals, parsed.values)
  if (args.flag('help')) return args
  const wanted = command.positionals ?? []
  const least = wanted.filter((name) => !name.startsWith('[')).length
  if (args.positionals.length < least) {
    throw usageError(`${wanted[args.positionals.length]} is missing`, helpHint(command))
  }
  if (args.positionals.length > wanted.length) {
    throw usageError(`one argument too many: ${args.at(wanted.length)}`, helpHint(command))
  }
  return args

  function readArguments(from: readonly string[], known: ParseArgsConfig['options']) {
    try {
      return parseArgs({ args: [...from], options: known ?? {}, allowPositionals: true })
    } catch (error) {
      const message = error instanceof Error ? error.message.split('. ')[0] : undefined
      throw usageError(message ?? 'arguments cannot be read', helpHint(command))
    }
  }
}

function helpHint({ words }: Command): string {
  return `palisade help ${words.join(' ')}`
}
