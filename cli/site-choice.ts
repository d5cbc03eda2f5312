// Which site a command means.
import type { MachineClass } from '../core/operation.ts'
import { sitesSchema, statusSchema } from './answers.ts'
import type { Call } from './command.ts'
import { CommandError, EXIT, usageError } from './exit.ts'

/** What was named with `--site` or PALISADE_SITE, else the only one there is. */
export async function chooseSite(call: Call): Promise<string> {
  const named = call.args.text('site') ?? call.world.env['PALISADE_SITE']
  if (named) return named
  const { items } = await call.client().get('/v1/sites', sitesSchema, { query: { limit: 10 } })
  const names = items.map(({ name }) => name)
  const [only, second] = names
  if (only !== undefined && second === undefined) return only
  if (only !== undefined) {
    throw usageError(`there are several sites: ${names.join(', ')}`, 'name one with --site')
  }
  throw new CommandError(EXIT.refused, 'there is no site yet, or none that this token may see', {
    code: 'no-site',
    next: 'apply a site file: `palisade apply -f FILE`',
  })
}

export function sitePath(site: string, rest = ''): string {
  return `/v1/sites/${encodeURIComponent(site)}${rest}`
}

/** Path of a server or management server, by its name: they share one space of names. */
export async function machinePath(
  call: Call,
  site: string,
  name: string,
): Promise<{ path: string; class: MachineClass }> {
  const { managementServers } = await call.client().get(sitePath(site, '/status'), statusSchema)
  const isManaging = managementServers.some((server) => server.name === name)
  const machines = isManaging ? 'management-servers' : 'servers'
  const path = sitePath(site, `/${machines}/${encodeURIComponent(name)}`)
  return { path, class: isManaging ? 'M' : 'P' }
}
