import { describe, expect, it } from 'vitest'
import { testCases } from './junit.ts'

const outcomes = (xml: string) => testCases(xml).map(({ name, outcome }) => `${name}: ${outcome}`)

describe('testCases', () => {
  it.each([
    [
      'vitest and node: a case without children passed',
      '<testcase name="a" time="0.1"/>',
      ['a: passed'],
    ],
    [
      'a failure',
      '<testcase name="a"><failure message="1 > 2">at x</failure></testcase>',
      ['a: failed'],
    ],
    ['an error', '<testcase name="a"><error/></testcase>', ['a: failed']],
    ['a skip', '<testcase name="a">\n<skipped type="skipped"/>\n</testcase>', ['a: skipped']],
    [
      'conformance: only a status',
      '<testcase name="a" status="failure"></testcase>',
      ['a: failed'],
    ],
    ['conformance: error', '<testcase name="a" status="error"></testcase>', ['a: failed']],
    ['conformance: skipped', '<testcase name="a" status="skipped"></testcase>', ['a: skipped']],
    ['conformance: passed', '<testcase name="a" status="passed"></testcase>', ['a: passed']],
    ['a failure stays one', '<testcase name="a"><failure/><skipped/></testcase>', ['a: failed']],
    [
      'a failure belongs to its case',
      '<testcase name="a"/><failure/><testcase name="b"/>',
      ['a: passed', 'b: passed'],
    ],
    ['a greater-than sign in an attribute', "<testcase name='a > b'/>", ['a > b: passed']],
    ['entities', '<testcase name="&lt;a&gt; &amp;lt; &#x41;&#66;"/>', ['<a> &lt; AB: passed']],
    [
      'tags in CDATA and comments are text',
      '<testcase name="a"><system-out><![CDATA[<failure/>]]></system-out></testcase><!-- <testcase name="b"/> -->',
      ['a: passed'],
    ],
    ['no cases', '<testsuites><testsuite name="s" tests="0"/></testsuites>', []],
  ])('%s', (_what, xml, expected) => {
    expect(outcomes(xml)).toEqual(expected)
  })

  it('keeps the output of a case', () => {
    const xml =
      '<testcase name="a"><system-out>not &lt;yet&gt;</system-out><system-err>x</system-err></testcase>'
    expect(testCases(xml)[0]?.output).toBe('not <yet>')
  })
})
