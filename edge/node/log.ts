// Structured log lines on stderr, one JSON object each.
import { nodeClock } from '../../runtime/node.ts'
import type { Log } from '../ports.ts'

export const stderrLog: Log = (level, event, fields = {}) => {
  process.stderr.write(`${JSON.stringify({ at: nodeClock.wall(), level, event, ...fields })}\n`)
}
