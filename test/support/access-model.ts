/**
 * The policy of access, written once more from its description, to hold the registry's answers against. It shares nothing with the
 * registry: rights are bits, names are compared segment by segment, and neither patterns nor scopes are read by the same code.
 */

export type Verb = 'pull' | 'create' | 'push' | 'delete' | 'admin'

export const PULL = 1
export const CREATE = 2
export const MOVE = 4
export const DELETE = 8
export const RULE = 16
const ALL = PULL | CREATE | MOVE | DELETE | RULE

const BITS: Record<Verb, number> = {
  pull: PULL,
  create: CREATE,
  push: CREATE | MOVE,
  delete: DELETE,
  admin: ALL,
}

/** Whoever stands for `who` may do `may` in the repositories that `where` names. */
export interface Rule {
  /** As the administration API writes principals; `operator` and `htpasswd` stand for those that it does not know. */
  readonly who: string
  readonly where: string
  readonly may: readonly Verb[]
}

export interface Person {
  /** The rules for all of these count. */
  readonly standsFor: readonly string[]
  /** Nothing counts beyond the rules for this one, unless it is null. */
  readonly within: string | null
}

/** What a bearer token was asked for. */
export interface Asked {
  readonly name: string
  /** `pull`, `push`, `delete`, `*`, or what is no action. */
  readonly verbs: readonly string[]
}

/** What a request shows of its sender. */
export type Sender =
  | { readonly shows: 'nothing' }
  | { readonly shows: 'rubbish' }
  | { readonly shows: 'password'; readonly person: Person }
  | {
      readonly shows: 'ticket'
      readonly person: Person
      readonly asked: readonly Asked[]
      readonly lists: boolean
    }

export interface Mode {
  /** Everybody may do everything. */
  readonly open: boolean
  /** Who shows nothing is treated as anonymous at once, where one action on one repository is meant. */
  readonly anonymousAtOnce: boolean
}

export const NOBODY: Person = { standsFor: ['anonymous'], within: null }

function covers(where: string, name: string): boolean {
  const [pattern, segments] = [where.split('/'), name.split('/')]
  const star = pattern.at(-1)
  const stem = star === '*' || star === '**' ? pattern.slice(0, -1) : pattern
  const beneath = segments.length - stem.length
  const deepEnough = star === '*' ? beneath === 1 : star === '**' ? beneath > 0 : beneath === 0
  return deepEnough && stem.every((segment, index) => segment === segments[index])
}

function sumFor(who: string, name: string, rules: readonly Rule[]): number {
  let sum = 0
  for (const rule of rules) {
    if (rule.who !== who || !covers(rule.where, name)) continue
    for (const verb of rule.may) sum |= BITS[verb]
  }
  return sum
}

/** The bits that a person has on a repository. */
function bitsOf(person: Person, name: string, rules: readonly Rule[]): number {
  const sum = person.standsFor.reduce((bits, who) => bits | sumFor(who, name, rules), 0)
  return person.within === null ? sum : sum & sumFor(person.within, name, rules)
}

function bitsAsked(asked: readonly Asked[], name: string): number {
  let bits = 0
  for (const one of asked) {
    if (one.name !== name) continue
    if (one.verbs.includes('pull')) bits |= PULL
    if (one.verbs.includes('push')) bits |= CREATE | MOVE
    if (one.verbs.includes('delete')) bits |= DELETE
    if (one.verbs.includes('*')) bits |= PULL | CREATE | MOVE | DELETE
  }
  return bits
}

/** The bits that a request has on a repository. */
export function bitsOn(sender: Sender, name: string, rules: readonly Rule[], mode: Mode): number {
  if (mode.open) return ALL
  switch (sender.shows) {
    case 'rubbish':
      return 0
    case 'nothing':
      return mode.anonymousAtOnce ? bitsOf(NOBODY, name, rules) : 0
    case 'password':
      return bitsOf(sender.person, name, rules)
    case 'ticket':
      return bitsOf(sender.person, name, rules) & bitsAsked(sender.asked, name)
  }
}

export type Verdict = 'in' | 401 | 403

/** Whether a request gets through to a route that takes the bits `needed` on a repository. */
export function judge(
  sender: Sender,
  name: string,
  needed: number,
  rules: readonly Rule[],
  mode: Mode,
): Verdict {
  const bits = bitsOn(sender, name, rules, mode)
  if ((bits & needed) === needed) return 'in'
  if (sender.shows === 'password') return 403
  // Who may add tags is told that this one is not to be moved: no other token would change that.
  if (needed === (CREATE | MOVE) && (bits & CREATE) !== 0) return 403
  return 401
}

/** Whether a request gets a list of repositories. */
export function judgeList(sender: Sender, mode: Mode): Verdict {
  if (mode.open || sender.shows === 'password') return 'in'
  return sender.shows === 'ticket' && sender.lists ? 'in' : 401
}

/** Which of the repositories that there are such a list shows. */
export function listed(
  sender: Sender,
  there: readonly string[],
  rules: readonly Rule[],
  mode: Mode,
): string[] {
  if (mode.open) return [...there].sort()
  if (sender.shows === 'nothing' || sender.shows === 'rubbish') return []
  return there.filter((name) => (bitsOf(sender.person, name, rules) & PULL) !== 0).sort()
}

/** What the administration API asks for, beyond a name and a password. */
export type Office = 'anyone' | 'somebody' | 'operator'

export function judgeOffice(
  sender: Sender,
  office: Office,
  rules: readonly Rule[],
  mode: Mode,
): Verdict {
  if (mode.open || office === 'anyone') return 'in'
  if (sender.shows !== 'password') return 401
  return office === 'somebody' || rulesAll(sender.person, rules) ? 'in' : 403
}

/** Only a rule for the whole registry makes an administrator: not rules for each of its parts. */
function rulesAll({ standsFor, within }: Person, rules: readonly Rule[]): boolean {
  const has = (who: string) =>
    rules.some((rule) => rule.who === who && rule.where === '**' && rule.may.includes('admin'))
  return standsFor.some(has) && (within === null || has(within))
}
