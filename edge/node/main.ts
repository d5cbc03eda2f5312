// Entry of the control plane on Node: `node edge/node/main.ts --data DIR --port N`.
import { readSettings } from '../env.ts'
import { describeError } from '../errors.ts'
import { startControlPlane } from './control-plane.ts'
import { stderrLog } from './log.ts'

const read = readSettings(process.argv.slice(2), process.env)
if ('faults' in read) {
  for (const fault of read.faults) console.error(fault)
  process.exit(2)
}

try {
  const controlPlane = await startControlPlane(read.settings)
  console.log(`control plane\t${controlPlane.url}`)
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      stderrLog('info', 'stopping', { signal })
      controlPlane.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          stderrLog('error', 'stop-failed', describeError(error))
          process.exit(1)
        },
      )
    })
  }
} catch (error) {
  stderrLog('error', 'start-failed', describeError(error))
  process.exit(1)
}
