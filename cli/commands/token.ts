// palisade token: bearer tokens. A secret is shown once, at its making.
import { z } from 'zod'
import { anyObject } from '../answers.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit.ts'
import { printJson, printResult } from '../print.ts'
import { handOver, OUT_OPTION } from '../secret-output.ts'

const SECONDS_A_DAY = 86_400

const tokenSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  scope: z.string(),
  site: z.string().nullish(),
  cluster: z.string().nullish(),
  createdAt: z.string(),
  createdBy: z.string(),
  expiresAt: z.string().nullish(),
  revokedAt: z.string().nullish(),
})
const createdSchema = tokenSchema.extend({ token: z.string() })
const pageSchema = z.looseObject({
  items: z.array(tokenSchema),
  nextCursor: z.string().nullish(),
})

export const tokenCreate: Command = {
  words: ['token', 'create'],
  summary: 'make a token and show its secret once',
  positionals: ['NAME'],
  options: {
    scope: { type: 'string', value: 'read|operate|admin', summary: 'what it may do (needed)' },
    site: { type: 'string', value: 'NAME', summary: 'only for this site; default every site' },
    cluster: { type: 'string', value: 'NAME', summary: 'operate: only systems of this cluster' },
    days: { type: 'string', value: 'N', summary: 'how long it lives; default until revoked' },
    out: OUT_OPTION,
  },
  async run(call) {
    const { args, world } = call
    args.needed('scope')
    const days = args.integer('days', 1, 3650)
    const { answer } = await call.client().send('/v1/tokens', createdSchema, {
      method: 'POST',
      body: {
        name: args.at(0),
        scope: args.choice('scope', ['read', 'operate', 'admin']),
        site: args.text('site'),
        cluster: args.text('cluster'),
        expiresInS: days === undefined ? undefined : days * SECONDS_A_DAY,
      },
      key: Buffer.from(world.random.bytes(16)).toString('hex'),
    })
    const shown = await handOver(call, answer)
    if (call.json) printJson(world, shown)
    else world.err(`token ${answer.id} (${answer.name}, ${answer.scope}) made\n`)
    return EXIT.done
  },
}

export const tokenList: Command = {
  words: ['token', 'list'],
  summary: 'the tokens, without their secrets',
  async run(call) {
    const items: z.infer<typeof tokenSchema>[] = []
    let cursor: string | undefined
    do {
      const query = { limit: 200, cursor }
      const page = await call.client().get('/v1/tokens', pageSchema, { query })
      items.push(...page.items)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined && items.length < 10_000)
    printResult(call, { items }, () => [
      {
        title: 'Tokens',
        columns: ['id', 'name', 'scope', 'site', 'cluster', 'made by', 'expires', 'revoked'],
        rows: items.map((token) => [
          token.id,
          token.name,
          token.scope,
          token.site ?? 'every',
          token.cluster ?? 'every',
          token.createdBy,
          token.expiresAt ?? 'never',
          token.revokedAt ?? '--',
        ]),
      },
    ])
    return EXIT.done
  },
}

export const tokenRevoke: Command = {
  words: ['token', 'revoke'],
  summary: 'make a token useless at once',
  positionals: ['ID'],
  async run(call) {
    const id = call.args.at(0)
    const path = `/v1/tokens/${encodeURIComponent(id)}`
    await call.client().send(path, anyObject, { method: 'DELETE' })
    if (call.json) printJson(call.world, { id, revoked: true })
    else call.world.out(`token ${id} revoked\n`)
    return EXIT.done
  },
}
