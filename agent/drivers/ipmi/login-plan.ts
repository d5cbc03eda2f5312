// In which order the ways to log in are tried, and when to stop (spec protocols.md §1.3, §1.4, §1.8).
// ADMINISTRATOR is asked for first: OPERATOR would do for everything sent here, but some boards accept
// only the user's own maximum, and users made for fencing are mostly administrators. What worked is
// remembered, so that a refused role is met once and not at every login.
import { type CipherSuite, SUITE_3, SUITE_17 } from './cipher-suite.ts'
import type { LoginFailure, LoginVariant } from './handshake.ts'
import { describeStatus, isExhaustion, isRoleRefusal } from './status-code.ts'

export type Verdict =
  | { kind: 'try'; variant: LoginVariant }
  /** `permanent`: no further login before somebody changes the configuration (spec rules.md R18). */
  | { kind: 'give-up'; permanent: boolean; detail: string }

interface Opening {
  suite: CipherSuite
  statesPrivilege: boolean
}

/** Some BMCs want the privilege stated in Open Session, so that comes after both suites failed without. */
const OPENINGS: readonly Opening[] = [
  { suite: SUITE_17, statesPrivilege: false },
  { suite: SUITE_3, statesPrivilege: false },
  { suite: SUITE_17, statesPrivilege: true },
  { suite: SUITE_3, statesPrivilege: true },
]
/** Administrator, operator, and "the highest that the user has" for boards that want exactly that. */
const ROLES = [4, 3, 0] as const
const INTERRUPTIONS_MAX = 4
/**
 * After each refused proof the next attempt lets RAKP 2 lie for this time: where the network doubles RAKP 1 and
 * the BMC draws its random number anew for each copy, only the last answer fits.
 */
const DOUBLES_WAITS_MS = [200, 1000]

/** One run through the ways, from the first packet to success or to giving up. */
export class LoginPlan {
  readonly #proven: LoginVariant | undefined
  #variant: LoginVariant
  #openings: Opening[]
  #statuses: (number | undefined)[] = []
  #passwordMismatched = false
  #interruptions = 0
  #proofsRefused = 0

  /** `proven` is the variant that the last successful login used. */
  constructor(proven: LoginVariant | undefined) {
    this.#proven = proven
    this.#variant = proven ?? { suite: SUITE_17, statesPrivilege: false, role: ROLES[0] }
    this.#openings = this.#otherOpenings()
  }

  get variant(): LoginVariant {
    return this.#variant
  }

  /** How many attempts broke off between two packets of the handshake. */
  get interruptions(): number {
    return this.#interruptions
  }

  /** How long a doubled answer to RAKP 1 is waited for. */
  get doublesWaitMs(): number {
    return DOUBLES_WAITS_MS[this.#proofsRefused - 1] ?? 0
  }

  /** What to do after `variant` failed like this. */
  after(failure: LoginFailure): Verdict {
    if (this.#passwordMismatched && failure.kind === 'open-refused') {
      return giveUp(WRONG_PASSWORD, true)
    }
    switch (failure.kind) {
      case 'silence':
        return giveUp(`no answer to ${failure.step}`, false)
      case 'open-refused':
        return this.#afterRefusedOpening(failure.status)
      case 'role-refused':
        return this.#nextRole(failure.status)
      case 'wrong-password':
        return this.#afterWrongPassword()
      case 'wrong-kg':
        return giveUp('wrong Kg: the BMC derives another session key than we do', true)
      case 'credentials-refused':
        return giveUp(`login refused: ${describeStatus(failure.status)}`, true)
      case 'proof-refused':
        // Not for ever: a BMC may count these towards a lockout.
        if (++this.#proofsRefused <= DOUBLES_WAITS_MS.length) return this.#try(this.#variant)
        return giveUp('login refused: 0Fh proof of the password not accepted', true)
      case 'refused':
        return giveUp(`login refused: ${describeStatus(failure.status)}`, false)
      case 'interrupted':
        if (++this.#interruptions < INTERRUPTIONS_MAX) return this.#try(this.#variant)
        return giveUp(`no usable answer to ${failure.step}`, false)
    }
  }

  /** An unsupported suite has no status of its own, so any refusal leads to the next opening. */
  #afterRefusedOpening(status: number | undefined): Verdict {
    this.#statuses.push(status)
    const exhausted = this.#statuses.find((seen) => seen !== undefined && isExhaustion(seen))
    if (exhausted !== undefined && this.#variant === this.#proven) {
      return giveUp(`all sessions of the BMC are taken: ${describeStatus(exhausted)}`, false)
    }
    const opening = this.#openings.shift()
    if (opening) return this.#try({ ...this.#variant, ...opening })
    if (exhausted !== undefined) {
      return giveUp(`all sessions of the BMC are taken: ${describeStatus(exhausted)}`, false)
    }
    const roleRefusal = this.#statuses.find((seen) => seen !== undefined && isRoleRefusal(seen))
    if (roleRefusal !== undefined) return this.#nextRole(roleRefusal)
    const said = status === undefined ? 'other algorithms returned' : describeStatus(status)
    return giveUp(`the BMC opens neither cipher suite 17 nor 3: ${said}`, false)
  }

  #nextRole(status: number): Verdict {
    const role = ROLES[ROLES.indexOf(this.#variant.role) + 1]
    if (role === undefined) {
      return giveUp(`privilege too low, OPERATOR is needed: ${describeStatus(status)}`, true)
    }
    this.#openings = this.#otherOpenings()
    this.#statuses = []
    return this.#try({ ...this.#variant, role })
  }

  /**
   * A few boards hash the privilege of Open Session instead of the role, which looks like a wrong password.
   * One more attempt with both the same cannot lock anybody out: no proof of ours has been sent yet.
   */
  #afterWrongPassword(): Verdict {
    if (this.#passwordMismatched || this.#variant.statesPrivilege) {
      return giveUp(WRONG_PASSWORD, true)
    }
    this.#passwordMismatched = true
    return this.#try({ ...this.#variant, statesPrivilege: true })
  }

  #try(variant: LoginVariant): Verdict {
    this.#variant = variant
    return { kind: 'try', variant }
  }

  #otherOpenings(): Opening[] {
    const { suite, statesPrivilege } = this.#variant
    return OPENINGS.filter(
      (opening) => opening.suite !== suite || opening.statesPrivilege !== statesPrivilege,
    )
  }
}

const WRONG_PASSWORD = 'wrong password: the BMC holds another one for this user'

function giveUp(detail: string, permanent: boolean): Verdict {
  return { kind: 'give-up', permanent, detail }
}
