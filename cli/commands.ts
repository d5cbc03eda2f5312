// Every command there is. A further one is a further line here.
import type { Command } from './command.ts'
import { agentEnroll } from './commands/agent.ts'
import { applyCommand } from './commands/apply.ts'
import { auditCommand, auditVerify } from './commands/audit.ts'
import { drillTimes } from './commands/drill.ts'
import { dumpCommand } from './commands/dump.ts'
import { drillCommand, drillShow } from './commands/exercise.ts'
import { operatorLogCommand } from './commands/operator-log.ts'
import { resetCommand } from './commands/reset.ts'
import { restoreCommand } from './commands/restore.ts'
import {
  agentList,
  showAgents,
  showPdus,
  showStatus,
  showSystems,
  showVersion,
} from './commands/show.ts'
import { showResetPaths } from './commands/show-reset-paths.ts'
import { showReset, showResets } from './commands/show-resets.ts'
import { showSettings } from './commands/show-settings.ts'
import { testPdu, testSoftReset } from './commands/test.ts'
import { tokenCreate, tokenList, tokenRevoke } from './commands/token.ts'
import { versionCommand } from './commands/version.ts'

export const COMMANDS: readonly Command[] = [
  applyCommand,
  showStatus,
  showSettings,
  showSystems,
  showPdus,
  showAgents,
  showVersion,
  showResetPaths,
  showResets,
  showReset,
  resetCommand,
  restoreCommand,
  testPdu,
  testSoftReset,
  drillCommand,
  drillShow,
  drillTimes,
  auditCommand,
  auditVerify,
  operatorLogCommand,
  agentList,
  agentEnroll,
  tokenCreate,
  tokenList,
  tokenRevoke,
  dumpCommand,
  versionCommand,
]

/** The command that these words begin with, the longest first, and what is left of them. */
export function findCommand(
  argv: readonly string[],
): { command: Command; rest: readonly string[] } | undefined {
  const fitting = COMMANDS.filter(({ words }) => words.every((word, at) => argv[at] === word))
  const [command] = fitting.sort((a, b) => b.words.length - a.words.length)
  return command && { command, rest: argv.slice(command.words.length) }
}
