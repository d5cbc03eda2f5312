// Closes a run with plain lines that any machine can read: one per target of the black-box suite, then the sum.
import type { Reporter, TestModule } from 'vitest/node'

class Count {
  readonly #count = { passed: 0, failed: 0, skipped: 0, pending: 0 }

  add(module: TestModule): void {
    for (const test of module.children.allTests()) this.#count[test.result().state] += 1
    if (module.errors().length > 0) this.#count.failed += 1
  }

  toString(): string {
    const { passed, failed, skipped, pending } = this.#count
    return `${passed} passed, ${failed} failed, ${skipped + pending} skipped`
  }
}

// Vitest loads reporters by their default export.
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const all = new Count()
    const targets = new Map<string, Count>()
    for (const module of modules) {
      all.add(module)
      const { target } = module.project.getProvidedContext()
      if (target === undefined) continue
      const count = targets.get(target) ?? new Count()
      targets.set(target, count)
      count.add(module)
    }
    for (const [target, count] of targets) console.log(`target ${target}: ${count}`)
    console.log(String(all))
  }
}
