// palisade apply: a site file in, a change report out (spec domain.md §8, api.md).
import { importSealingKey, publicSealingJwkSchema, type SealingKey } from '../../protocol/keys.ts'
import { applyReportSchema, type ShownReport } from '../answers.ts'
import { Refusal } from '../client.ts'
import type { Call, Command } from '../command.ts'
import { CommandError, EXIT, type ExitCode } from '../exit.ts'
import { printResult } from '../print.ts'
import { sealSecrets } from '../seal-site.ts'
import { memoryPath, openMemory } from '../sealed-memory.ts'
import { sitePath } from '../site-choice.ts'
import { readSiteFile } from '../site-file.ts'
import { type ResolvedSecret, resolveSecrets, secretPlaces } from '../site-secrets.ts'
import type { Table } from '../table.ts'

export const applyCommand: Command = {
  words: ['apply'],
  summary: 'apply a site file and report what changed',
  options: {
    file: {
      type: 'string',
      short: 'f',
      value: 'FILE',
      summary: 'the site file; - is standard input',
    },
    'dry-run': { type: 'boolean', summary: 'only tell what would change' },
    reseal: { type: 'boolean', summary: 'seal every credential anew, also unchanged ones' },
  },
  notes: [
    'Credentials in the file are a text, { env: NAME } or { file: PATH }. They are checked and sealed here;',
    'the control plane never sees them. A field left out keeps its value, null takes an optional one away.',
  ],
  run: runApply,
}

async function runApply(call: Call): Promise<ExitCode> {
  const path = call.args.needed('file')
  const dryRun = call.args.flag('dry-run')
  const { document, site } = await readSiteFile(path, call.world)
  const resolved = await resolveSecrets(secretPlaces(document), call.world, path)
  if ('faults' in resolved) {
    throw new CommandError(EXIT.usage, `credentials in ${path} cannot be used; nothing was sent`, {
      code: 'bad-credential',
      faults: resolved.faults,
      next: 'correct these places, or the variables and files that they name',
    })
  }
  const save = await sealAll(call, site, resolved.secrets, dryRun)
  const { answer } = await call.client().send(sitePath(site), applyReportSchema, {
    method: 'PUT',
    body: document,
    query: { dryRun: dryRun || undefined },
  })
  if (!dryRun) await save()
  printResult(call, answer, () => reportTables(answer, dryRun))
  return answer.result === 'completed' ? EXIT.done : EXIT.failed
}

/** Gives back what is to be done once the control plane holds the sealed credentials. */
async function sealAll(
  call: Call,
  site: string,
  secrets: readonly ResolvedSecret[],
  dryRun: boolean,
): Promise<() => Promise<void>> {
  if (secrets.length === 0) return async () => {}
  const key = await findSealKey(call, site)
  if (!key) {
    if (!dryRun) throw noSealKey(site)
    call.world.err('palisade: no agent is enrolled yet; planned without sealing credentials\n')
    for (const { owner, field } of secrets) owner[field] = { sealed: 'dry.run.dry.run.x' }
    return async () => {}
  }
  const path = call.args.flag('reseal') ? undefined : memoryPath(call.world.env)
  const memory = path === undefined ? undefined : await openMemory(path, site, call.world)
  await sealSecrets(secrets, { site, key }, memory)
  return async () => {
    if (path === undefined || !memory) return
    await call.world.writePrivate(path, memory.toText()).catch(() => {
      call.world.err(`palisade: warning: cannot write ${path}; the next apply seals anew\n`)
    })
  }
}

async function findSealKey(call: Call, site: string): Promise<SealingKey | undefined> {
  try {
    return await importSealingKey(
      await call.client().get(sitePath(site, '/seal-key'), publicSealingJwkSchema),
    )
  } catch (error) {
    const none = ['no-seal-key', 'unknown-site', 'not-found']
    if (error instanceof Refusal && none.includes(error.notes.code)) return undefined
    throw error
  }
}

function noSealKey(site: string): CommandError {
  const message = `site ${site} has no agent yet, so there is no key to seal its credentials to`
  return new CommandError(EXIT.refused, message, {
    code: 'no-seal-key',
    next: `enrol the agent first: \`palisade agent enroll NAME --site ${site}\`, then apply again`,
  })
}

const SUBJECT_WORDS: Readonly<Record<string, string>> = {
  managementServer: 'management server',
  pdu: 'PDU',
}

export function reportTables(report: ShownReport, dryRun: boolean): Table[] {
  const word = (subject: string) => SUBJECT_WORDS[subject] ?? subject
  const warnings = report.warnings ?? []
  return [
    {
      title: dryRun ? 'Changes (dry run: nothing was applied)' : 'Changes',
      columns: ['subject', 'name', 'operation', 'result', 'reason', 'detail'],
      rows: report.changes.map(({ subject, name, operation, result, reason, detail }) => {
        return [word(subject), name, operation, result, reason ?? '', detail ?? '']
      }),
      empty: 'nothing differs',
    },
    {
      title: 'Summary',
      columns: ['subject', 'success/total', 'result'],
      rows: report.summary.map(({ subject, success, total, result }) => {
        return [word(subject), `${success}/${total}`, result]
      }),
    },
    {
      title: 'Agents',
      columns: ['agent', 'result', 'revision'],
      rows: report.agents.map(({ name, result, revision }) => [
        name,
        result,
        `${revision ?? '--'}`,
      ]),
      empty: 'none enrolled; see `palisade help agent enroll`',
    },
    ...(warnings.length === 0
      ? []
      : [
          {
            title: 'Readiness',
            columns: ['about', 'warning'],
            rows: warnings.map(({ subject, detail }) => [subject, detail]),
          },
        ]),
    {
      title: '',
      columns: ['whole'],
      rows: [[report.result]],
    },
  ]
}
