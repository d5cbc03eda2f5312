// The site document that this agent goes by: the newest one signed by the control plane, kept on disk so
// that a restart with the WAN cut changes nothing.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { validateSite } from '../core/limits.ts'
import type { SiteDocument } from '../core/site.ts'
import { verifySite } from '../protocol/chain.ts'
import type { VerifyingKey } from '../protocol/keys.ts'

export interface HeldSite {
  revision: number
  document: SiteDocument
}

export type SiteVerdict = { held: HeldSite } | { refused: string }

export class SiteHolder {
  readonly #file: string
  readonly #site: string
  readonly #keys: () => readonly VerifyingKey[]
  #held: HeldSite | undefined

  constructor(file: string, site: string, keys: () => readonly VerifyingKey[]) {
    this.#file = file
    this.#site = site
    this.#keys = keys
  }

  get held(): HeldSite | undefined {
    return this.#held
  }

  /** Takes up what an earlier run has kept; undefined when there is none, or it no longer verifies. */
  async load(): Promise<SiteVerdict | undefined> {
    let token: string
    try {
      token = readFileSync(this.#file, 'utf8')
    } catch {
      return undefined
    }
    return this.#hold(await this.#read(token))
  }

  /**
   * Takes a newer signed document and keeps it; an older or equal one changes nothing. One that the disk does
   * not take is not gone by either: a restart would fall back behind it.
   */
  async take(token: string): Promise<SiteVerdict> {
    const verdict = await this.#read(token)
    if ('refused' in verdict || verdict.held.revision === this.#held?.revision) return verdict
    try {
      writeFileSync(`${this.#file}.new`, token, { mode: 0o600 })
      renameSync(`${this.#file}.new`, this.#file)
    } catch (error) {
      return { refused: `it cannot be stored: ${String(error)}` }
    }
    return this.#hold(verdict)
  }

  #hold(verdict: SiteVerdict): SiteVerdict {
    if ('held' in verdict) this.#held = verdict.held
    return verdict
  }

  /** The newer document, or the one held already. */
  async #read(token: string): Promise<SiteVerdict> {
    const verified = await verifySite(token, { keys: this.#keys(), site: this.#site })
    if ('refused' in verified) return { refused: `${verified.refused}: ${verified.detail}` }
    const { revision, document } = verified.site
    if (this.#held && revision <= this.#held.revision) return { held: this.#held }
    const checked = validateSite(document)
    if ('faults' in checked) {
      return {
        refused: checked.faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; '),
      }
    }
    return { held: { revision, document: checked.site } }
  }
}
