// What all route files share: an app whose validation errors are problems, and the common parameters.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Env } from '../auth.ts'
import { ApiError, faultsOf } from '../errors.ts'

export function makeRouter(): OpenAPIHono<Env> {
  return new OpenAPIHono<Env>({
    defaultHook: (checked) => {
      if (checked.success) return
      throw new ApiError(
        'invalid-request',
        `the ${whereOf(checked.target)} breaks the rules below`,
        {
          errors: faultsOf(checked.error),
        },
      )
    },
  })
}

function whereOf(target: string): string {
  return target === 'json' ? 'body' : target
}

export const BEARER = [{ bearer: [] }]

export const siteParam = z.object({
  site: z
    .string()
    .min(1)
    .max(60)
    .openapi({ param: { name: 'site', in: 'path' } }),
})

/** The codes that every route with a token may end with. */
export const COMMON = [
  'invalid-request',
  'unauthorized',
  'forbidden',
  'internal',
  'database-unavailable',
] as const

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
