// Help texts, made from the commands themselves.
import { COMMON_OPTIONS, type Command, type OptionSpec } from './command.ts'
import { COMMANDS } from './commands.ts'

const SURROUNDINGS = [
  'PALISADE_URL         the control plane; default http://127.0.0.1:8787',
  'PALISADE_TOKEN       the bearer token, or',
  'PALISADE_TOKEN_FILE  a file that holds it',
  'PALISADE_SITE        the site, when --site is not given',
  'NO_COLOR             no colours',
]
const EXITS = '0 done, 1 failed or not fenced, 2 usage, 3 refused, 4 unknown outcome'

export function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => usage(command).length))
  const lines = COMMANDS.map((command) => `  ${usage(command).padEnd(width)}  ${command.summary}`)
  return [
    'palisade COMMAND [options]; palisade help COMMAND explains one',
    '',
    ...lines,
    '',
    'environment',
    ...SURROUNDINGS.map((line) => `  ${line}`),
    '',
    `exit codes: ${EXITS}`,
  ].join('\n')
}

export function explain(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS })
  const width = Math.max(...options.map(([name, option]) => optionText(name, option).length))
  return [
    `palisade ${usage(command)} [options]`,
    `  ${command.summary}`,
    '',
    'options',
    ...options.map(([name, option]) => {
      return `  ${optionText(name, option).padEnd(width)}  ${option.summary}`
    }),
    ...(command.notes ? ['', ...command.notes] : []),
  ].join('\n')
}

function usage({ words, positionals = [] }: Command): string {
  return [...words, ...positionals].join(' ')
}

function optionText(name: string, { short, value }: OptionSpec): string {
  const letter = short === undefined ? '' : `-${short}, `
  return `${letter}--${name}${value === undefined ? '' : ` ${value}`}`
}
