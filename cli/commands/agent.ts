// palisade agent enroll: a one-time token by which an agent joins a site.
import { z } from 'zod'
import { type Command, SITE_OPTION } from '../command.ts'
import { CommandError, EXIT } from '../exit.ts'
import { printJson } from '../print.ts'
import { handOver, OUT_OPTION } from '../secret-output.ts'
import { chooseSite, sitePath } from '../site-choice.ts'

const offerSchema = z.looseObject({ token: z.string(), agent: z.string(), expiresAt: z.string() })

export const agentEnroll: Command = {
  words: ['agent', 'enroll'],
  summary: 'make a one-time token by which an agent joins a site',
  positionals: ['NAME'],
  options: { site: SITE_OPTION, out: OUT_OPTION },
  notes: [
    'NAME is the name of the management server that the agent runs on. The token works once, for an hour;',
    'give it to the agent on that machine by a file or an environment variable, never by an argument.',
    'The site is made by this when it does not exist yet: name it with --site.',
  ],
  async run(call) {
    const site = await chooseSite(call).catch((error: unknown) => {
      if (!(error instanceof CommandError) || error.notes.code !== 'no-site') throw error
      throw new CommandError(EXIT.usage, 'there is no site yet', {
        code: 'usage',
        next: 'name the site that the agent will serve with --site; it is made by this',
      })
    })
    const { answer } = await call.client().send(sitePath(site, '/enrolments'), offerSchema, {
      method: 'POST',
      body: { name: call.args.at(0) },
      key: Buffer.from(call.world.random.bytes(16)).toString('hex'),
    })
    const shown = await handOver(call, answer)
    if (call.json) printJson(call.world, { site, ...shown })
    else {
      call.world.err(
        `enrolment token of agent ${answer.agent}, site ${site}, until ${answer.expiresAt}\n`,
      )
    }
    return EXIT.done
  },
}
