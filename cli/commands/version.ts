// palisade version: of this program and of the control plane.
import { z } from 'zod'
import { connect } from '../client.ts'
import type { Command } from '../command.ts'
import { CommandError, EXIT } from '../exit.ts'
import { printJson } from '../print.ts'
import { ownVersion } from '../version.ts'

const healthSchema = z.looseObject({ version: z.string() })

export const versionCommand: Command = {
  words: ['version'],
  summary: 'the version of this program and of the control plane',
  options: { offline: { type: 'boolean', summary: 'only that of this program' } },
  offline: () => true,
  async run(call) {
    const palisade = await ownVersion()
    const answer = call.args.flag('offline') ? {} : await askControlPlane(call)
    if (call.json) printJson(call.world, { palisade, ...answer })
    else {
      const other = 'controlPlane' in answer ? (answer.controlPlane ?? 'not reached') : undefined
      call.world.out(`palisade ${palisade}\n`)
      if (other !== undefined) call.world.out(`control plane ${other}\n`)
      if ('controlPlane' in answer && answer.controlPlane && answer.controlPlane !== palisade) {
        call.world.err('palisade: warning: these versions differ\n')
      }
    }
    return EXIT.done
  },
}

async function askControlPlane(
  call: Parameters<Command['run']>[0],
): Promise<{ controlPlane: string | null }> {
  try {
    const client = await connect(call.world)
    const { version } = await client.get('/healthz', healthSchema)
    return { controlPlane: version }
  } catch (error) {
    if (error instanceof CommandError) return { controlPlane: null }
    throw error
  }
}
