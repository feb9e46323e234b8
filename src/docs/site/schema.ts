/** JSON schemas of the OpenAPI document as text and tables for people. Only what the document uses is known. */
import { type Html, html } from '../../http/ui/html.ts'

export interface Schema {
  type?: string | readonly string[]
  description?: string
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  items?: Schema
  additionalProperties?: Schema | boolean
  anyOf?: readonly Schema[]
  enum?: readonly unknown[]
  const?: unknown
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  $ref?: string
}

/** The fields of an object. Fields of objects within it have names such as `links.next` and `items[].id`. */
export function fieldsTable(schema: Schema): Html {
  return html`<div class="table" tabindex="0"><table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>
${rowsOf(schema, '')}</tbody></table></div>`
}

function rowsOf({ properties = {}, required = [] }: Schema, prefix: string): Html[] {
  return Object.entries(properties).flatMap(([name, property]) => {
    const path = `${prefix}${name}`
    const presence = required.includes(name) ? null : html` <span class="note">optional</span>`
    const row = html`<tr><td><code>${path}</code>${presence}</td><td>${typeText(property)}</td><td>${meaningOf(property)}</td></tr>\n`
    return [row, ...within(property).flatMap(([inner, mark]) => rowsOf(inner, `${path}${mark}.`))]
  })
}

/** The objects that a field holds, and what their fields have before the dot. */
function within(schema: Schema): [Schema, string][] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap(within)
  if (schema.items !== undefined)
    return within(schema.items).map(([inner, mark]) => [inner, `[]${mark}`])
  return schema.properties === undefined ? [] : [[schema, '']]
}

/** Text of the document, which has code between backticks. */
export function prose(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

/** One cell: the description, and the limits. */
export function meaningOf(schema: Schema): Html {
  const { description } = schema
  const limits = limitsOf(schema)
  return html`${description === undefined ? null : prose(description)}${description !== undefined && limits.length > 0 ? '. ' : null}${limits.length > 0 ? html`<span class="note">${joined(limits, ', ')}</span>` : null}`
}

export function typeText(schema: Schema): Html {
  const { $ref, anyOf, items, type } = schema
  if ($ref !== undefined) return linkTo($ref)
  if (anyOf !== undefined) return joined(anyOf.map(typeText), ' or ')
  if (schema.enum !== undefined) return joined(schema.enum.map(literal), ' | ')
  if (schema.const !== undefined) return literal(schema.const)
  if (items !== undefined) return html`array of ${typeText(items)}`
  if (typeof schema.additionalProperties === 'object') {
    return html`map of names to ${typeText(schema.additionalProperties)}`
  }
  if (schema.format === 'date-time') return html`time`
  return html`${[type ?? 'any value'].flat().join(' or ')}`
}

export function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}

export function linkTo(reference: string): Html {
  const name = nameIn(reference)
  return html`<a href="#schema-${name}">${name}</a>`
}

function literal(value: unknown): Html {
  return html`<code>${JSON.stringify(value)}</code>`
}

function joined(parts: readonly Html[], separator: string): Html {
  return html`${parts.map((part, index) => (index === 0 ? part : html`${separator}${part}`))}`
}

/** The limits of the value, of each kind that it may have. */
function limitsOf(schema: Schema): Html[] {
  const ranges = [
    range(schema.minimum, schema.maximum, ''),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' entries'),
  ]
  const own = ranges.filter((text) => text !== '').map((text) => html`${text}`)
  const pattern = schema.pattern === undefined ? [] : [html`<code>${schema.pattern}</code>`]
  return [...own, ...pattern, ...(schema.anyOf ?? []).flatMap(limitsOf)]
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  const max = most === Number.MAX_SAFE_INTEGER ? undefined : most
  const min = least === Number.MIN_SAFE_INTEGER ? undefined : least
  if (min !== undefined && max !== undefined) return `${min} to ${max}${unit}`
  if (min !== undefined) return `at least ${min}${unit}`
  return max === undefined ? '' : `at most ${max}${unit}`
}
