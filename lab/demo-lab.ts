// The demonstration as a whole: room, control port, and the secrets on disk for whoever applies the site.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Random } from '../core/ports.ts'
import { type LabControl, openLabControl } from './control.ts'
import { type DemoOptions, demoSite, newDemoSecrets, openDemoRoom } from './demo.ts'
import type { MachineRoom } from './room.ts'

export interface DemoLabOptions extends Omit<DemoOptions, 'secrets'> {
  /** Where the secrets and the site file are written; created with mode 0700. */
  directory: string
  /** Default 0 = given by the OS. */
  controlPort?: number
  resetPathPort?: number
  peerPort?: number
}

export interface DemoLab {
  room: MachineRoom
  control: LabControl
  site: ReturnType<typeof demoSite>
  /** The site file, which is JSON and therefore YAML. */
  siteFile: string
  close(): Promise<void>
}

/**
 * Opens the demonstration with secrets that are new at every start. Throws, with nothing left open, when a
 * socket cannot be had or the directory cannot be written.
 */
export async function openDemoLab(
  { directory, controlPort, resetPathPort, peerPort, ...options }: DemoLabOptions,
  ports: { clock: Clock; random: Random },
): Promise<DemoLab> {
  const secrets = newDemoSecrets(ports.random)
  const secretFile = (name: string) => join(directory, `${name}.secret`)
  const room = await openDemoRoom({ ...options, secrets }, ports)
  try {
    // Only now: a lab that cannot start must not overwrite the secrets of one that runs.
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const [name, value] of secrets) writePrivate(secretFile(name), `${value}\n`)
    const control = await openLabControl(room, controlPort)
    const site = demoSite(room, {
      secretRef: (name) => ({ file: secretFile(name) }),
      ...(resetPathPort === undefined ? {} : { resetPathPort }),
      ...(peerPort === undefined ? {} : { peerPort }),
    })
    const siteFile = join(directory, 'site.yaml')
    writePrivate(siteFile, `${JSON.stringify(site, undefined, 2)}\n`)
    const close = async () => {
      await control.close()
      await room.close()
    }
    return { room, control, site, siteFile, close }
  } catch (error) {
    await room.close()
    throw error
  }
}

/** The mode of writeFile counts only for new files, hence the second step. */
function writePrivate(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  chmodSync(file, 0o600)
}
