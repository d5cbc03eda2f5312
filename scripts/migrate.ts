// `npm run migrate`: brings a database to the present schema, before a Worker of this version is deployed to it.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { migrateDatabase } from '../db/migrate.ts'
import { describeError } from '../edge/errors.ts'

const USAGE = `usage: npm run migrate -- --database URL

  --database URL   postgres://… with the rights to make tables; PALISADE_DATABASE_URL keeps the password
                   out of the list of processes`

const { values } = parseArgs({ options: { database: { type: 'string' } } })
const url = values.database ?? process.env['PALISADE_DATABASE_URL'] ?? ''
if (!/^postgres(ql)?:\/\//.test(url)) {
  console.error(USAGE)
  process.exit(2)
}
try {
  const { applied } = await migrateDatabase(url, join(import.meta.dirname, '..', 'migrations'))
  console.log(applied === 0 ? 'the schema is up to date' : `${applied} migrations applied`)
} catch (error) {
  console.error('the database was not changed:', JSON.stringify(describeError(error)))
  process.exit(1)
}
