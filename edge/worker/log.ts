// Structured log lines, one JSON object each: Workers Logs takes them apart.
import { workersClock } from '../../runtime/workers.ts'
import type { Log, LogLevel } from '../ports.ts'

const PRINT: Record<LogLevel, (line: string) => void> = {
  debug: console.debug,
  info: console.info,
  warn: console.warn,
  error: console.error,
}

export const workersLog: Log = (level, event, fields = {}) => {
  PRINT[level](JSON.stringify({ at: workersClock.wall(), level, event, ...fields }))
}
