// `npm run secrets`: makes the signing key and the first admin token of a deployment, once, into files for this user
// only. Nothing secret is printed.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureAdminToken, ensureSigningKey } from '../edge/node/secret-files.ts'
import { thumbprint } from '../protocol/keys.ts'
import { nodeRandom } from '../runtime/node.ts'

const { values } = parseArgs({
  options: { env: { type: 'string', default: 'production' }, dir: { type: 'string' } },
})
const directory = resolve(
  process.env['INIT_CWD'] ?? process.cwd(),
  values.dir ?? join('.palisade-deploy', values.env),
)
mkdirSync(directory, { recursive: true, mode: 0o700 })
chmodSync(directory, 0o700)
const key = readFileSync(await ensureSigningKey(directory), 'utf8').trim()
const tokenFile = ensureAdminToken(directory, nodeRandom)
const file = join(directory, 'secrets.json')
const secrets = {
  PALISADE_SIGNING_KEY: key,
  PALISADE_ADMIN_TOKEN: readFileSync(tokenFile, 'utf8').trim(),
}
writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 })
const options = values.env === 'production' ? '' : ` --env ${values.env}`
console.log(`Signing key  ${await thumbprint(JSON.parse(key))}   (agents pin it when they enrol: keep a copy)
Admin token  ${tokenFile}

Deploy with them, this first time:

  npm run deploy --${options} --secrets-file ${file}`)
