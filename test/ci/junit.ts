/**
 * Reads JUnit reports, as vitest, node's test runner and the OCI conformance suite write them: the test cases and how each ended.
 * A report says so in two ways, a child element (`<failure>`, `<error>`, `<skipped>`) or a `status` attribute; either counts.
 */

export type Outcome = 'passed' | 'failed' | 'skipped'

export interface TestCase {
  name: string
  outcome: Outcome
  /** Text of `<system-out>`; the conformance suite writes the reason of a failure or skip there. */
  output: string
}

/** A comment or CDATA section (which may hold anything), a tag with its quoted attributes, or text. */
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|[^<]+/g
const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

const FAILED = new Set(['failure', 'failed', 'error'])
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** The test cases of a report, in its order. What is not a test case is passed over. */
export function testCases(xml: string): TestCase[] {
  const cases: TestCase[] = []
  let current: TestCase | undefined
  let inOutput = false
  for (const { element, attributes, begins, ends, text } of tokensOf(xml)) {
    if (element === 'system-out') inOutput = !ends
    else if (element === 'testcase') {
      if (begins) cases.push(testCaseOf(attributesOf(attributes)))
      current = ends ? undefined : cases.at(-1)
    } else if (current !== undefined) {
      if (inOutput) current.output += text
      if (begins) note(current, element)
    }
  }
  return cases
}

interface Token {
  /** '' for text. */
  element: string
  attributes: string
  begins: boolean
  ends: boolean
  /** '' for a tag. */
  text: string
}

function* tokensOf(xml: string): Generator<Token> {
  for (const [whole, cdata, closing, element, attributes = '', selfClosed] of xml.matchAll(TOKEN)) {
    const ends = closing === '/' || selfClosed === '/'
    const text = element === undefined ? (cdata ?? decodeEntities(whole)) : ''
    yield { element: element ?? '', attributes, begins: closing === '', ends, text }
  }
}

function testCaseOf({ name = '', status = '' }: Record<string, string>): TestCase {
  return { name, outcome: outcomeOf(status) ?? 'passed', output: '' }
}

/** A failure stays one, whatever else stands in the test case. */
function note(testCase: TestCase, element: string): void {
  if (testCase.outcome === 'failed') return
  testCase.outcome = outcomeOf(element) ?? testCase.outcome
}

function outcomeOf(word: string): Outcome | undefined {
  if (FAILED.has(word)) return 'failed'
  return word === 'skipped' ? 'skipped' : undefined
}

function attributesOf(text: string): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const [, name = '', double, single] of text.matchAll(ATTRIBUTE)) {
    attributes[name] = decodeEntities(double ?? single ?? '')
  }
  return attributes
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return ENTITIES[name] ?? whole
  })
}
