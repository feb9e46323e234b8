/** The part of http-api.md about the administration API, as its OpenAPI document gives it. */

import type { OperationAccess } from '../../src/http/api/access.ts'
import { operations } from '../../src/http/api/index.ts'
import { openApiDocument } from '../../src/http/api/openapi.ts'

/** The part of JSON Schema that the document uses. */
interface Schema {
  $ref?: string
  type?: string
  const?: unknown
  enum?: readonly string[]
  format?: string
  pattern?: string
  description?: string
  default?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  anyOf?: readonly Schema[]
  items?: Schema
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  additionalProperties?: Schema | boolean
}

interface Body {
  content?: { 'application/json': { schema: Schema } }
}

export interface DescribedOperation {
  summary: string
  description?: string
  parameters?: readonly {
    name: string
    in: string
    required: boolean
    description?: string
    schema: Schema
  }[]
  requestBody?: Body & { required: boolean }
  responses: Readonly<Record<string, Body & { headers?: object }>>
}

interface OpenApi {
  paths: Record<string, Record<string, DescribedOperation>>
  components: { schemas: Record<string, Schema> }
}

/** The document as a client reads it. */
export const openApi: OpenApi = JSON.parse(JSON.stringify(openApiDocument(operations, '/api/v1')))

const PLACE = /(<!-- operations[^>]*-->\n)[\s\S]*?(<!-- end of operations -->)/

/** `page` with today's operations. */
export function withOperations(page: string): string {
  if (!PLACE.test(page)) throw new Error('http-api.md has no place for the operations')
  const text = [
    ...operations.map(showOperation),
    '### Grammars',
    showGrammars(),
    '### Objects',
    ...showObjects(),
  ].join('\n\n')
  return page.replace(PLACE, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`)
}

const ACCESS: Record<OperationAccess, string> = {
  none: 'everybody',
  'signed-in': 'every caller with a name and a password',
  admin: 'administrators',
  account: 'administrators, and the account itself with its password',
  'repository-pull': 'callers who may pull from the repository',
  'repository-admin': 'callers with `admin` on the repository',
  'repository-delete': 'callers with `admin` on the repository, if deletes are enabled',
}

function showOperation({ id, method, path, access }: (typeof operations)[number]): string {
  const described = openApi.paths[path]?.[method]
  if (described === undefined) throw new Error(`the document does not have ${id}`)
  const { summary, description, parameters = [], requestBody, responses } = described
  return [
    `### \`${method.toUpperCase()} /api/v1${path}\``,
    `${summary}.${description ? ` ${description}` : ''}`,
    `Operation: \`${id}\`. For: ${ACCESS[access]}.`,
    parametersTable(parameters),
    requestBody === undefined
      ? ''
      : `${requestBody.required ? 'Body' : 'Body, which may be left out'}:\n\n${showBody(requestBody, 'required')}`,
    showAnswers(responses),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function parametersTable(parameters: NonNullable<DescribedOperation['parameters']>): string {
  if (parameters.length === 0) return ''
  return table(
    ['parameter', 'in', 'takes', 'required', 'meaning'],
    parameters.map(({ name, in: where, schema, required, description = '' }) => [
      `\`${name}\``,
      where,
      typeOf(schema),
      required ? 'yes' : 'no',
      description,
    ]),
  )
}

function showAnswers(responses: DescribedOperation['responses']): string {
  const [success = '', ...errors] = Object.keys(responses)
  const answer = responses[success]
  const linked = answer?.headers === undefined ? '' : ', with `Link` if another page follows'
  const refused = `Errors: ${errors.map((status) => `\`${status}\``).join(', ')}.`
  if (answer?.content === undefined) return `Answer: \`${success}\` without a body. ${refused}`
  const { schema } = answer.content['application/json']
  const named = nameOf(schema)
  if (named !== null && isObject(named)) {
    return `Answer: \`${success}\` with ${typeOf(schema)}${linked}. ${refused}`
  }
  return `Answer: \`${success}\`${linked}, with\n\n${showBody(answer, 'always there')}\n\n${refused}`
}

/** Fields whose patterns have a name of their own, because they are in many tables. */
const GRAMMARS = new Map(
  [
    { name: 'account name', schema: fieldOf('Account', 'name') },
    { name: 'short name', schema: fieldOf('AccessToken', 'name') },
    { name: 'webhook id', schema: fieldOf('Webhook', 'id') },
    { name: 'principal', schema: fieldOf('PrincipalGrant', 'principal') },
  ].map(({ name, schema }) => [schema.pattern, name]),
)

function fieldOf(object: string, field: string): Schema {
  const schema = openApi.components.schemas[object]?.properties?.[field]
  if (schema?.pattern === undefined) throw new Error(`${object}.${field} has no pattern`)
  return schema
}

function showGrammars(): string {
  const rows = [...GRAMMARS].map(([pattern, name]) => [name, `\`${pattern}\``])
  return table(['name', 'pattern'], rows)
}

function showBody({ content }: Body, need: Need): string {
  const schema = content?.['application/json'].schema ?? {}
  return fieldsTable(resolved(schema), need)
}

/** The schemas with a name of their own. Bodies and answers of one operation stand with it. */
function isObject(name: string): boolean {
  return /^[A-Z]/.test(name)
}

function showObjects(): string[] {
  return Object.entries(openApi.components.schemas)
    .filter(([name]) => isObject(name))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, schema]) => `#### ${name} object\n\n${fieldsTable(schema, 'always there')}`)
}

/** What a field that the schema requires is for the one who writes it, and for the one who reads it. */
type Need = 'required' | 'always there'

function fieldsTable(schema: Schema, need: Need): string {
  return table(['field', 'type', need, 'meaning'], fieldsOf(schema, ''))
}

/** The fields of an object, with those of the objects within it. */
function fieldsOf({ properties = {}, required = [] }: Schema, prefix: string): string[][] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const meaning =
      field.default === undefined
        ? (field.description ?? '')
        : `${field.description ?? ''} Default: \`${field.default}\``.trim()
    const always = required.includes(name) ? 'yes' : 'no'
    const row = [`\`${prefix}${name}\``, typeOf(field), always, meaning]
    return [row, ...fieldsOf(field, `${prefix}${name}.`)]
  })
}

function resolved(schema: Schema): Schema {
  const name = nameOf(schema)
  return name === null ? schema : (openApi.components.schemas[name] ?? {})
}

function nameOf({ $ref }: Schema): string | null {
  return $ref === undefined ? null : $ref.slice($ref.lastIndexOf('/') + 1)
}

function typeOf(schema: Schema): string {
  const name = nameOf(schema)
  if (name !== null) return `[${name}](#${name.toLowerCase()}-object)`
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${one}\``).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}${itemsOf(schema)}`
  if (schema.type === 'object') return objectType(schema)
  if (schema.type === undefined) return 'any JSON'
  const grammar = GRAMMARS.get(schema.pattern)
  if (grammar !== undefined) return `[${grammar}](#grammars)`
  return `${schema.format ?? schema.type}${limitsOf(schema)}`
}

function objectType({ additionalProperties }: Schema): string {
  return typeof additionalProperties === 'object'
    ? `object whose values are ${typeOf(additionalProperties)}`
    : 'object'
}

function itemsOf({ minItems, maxItems }: Schema): string {
  return rangeOf(minItems, maxItems, ' entries')
}

function limitsOf({ pattern, minimum, maximum, minLength, maxLength }: Schema): string {
  const matching = pattern === undefined ? '' : ` matching \`${pattern}\``
  const safe = (bound?: number) =>
    Math.abs(bound ?? 0) === Number.MAX_SAFE_INTEGER ? undefined : bound
  return `${matching}${rangeOf(safe(minimum), safe(maximum), '')}${rangeOf(minLength, maxLength, ' characters')}`
}

function rangeOf(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined) return most === undefined ? '' : `, at most ${most}${unit}`
  return most === undefined ? `, at least ${least}${unit}` : `, ${least} to ${most}${unit}`
}

/** As the formatter has tables. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) =>
    row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')),
  )
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)))
  const render = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [first = [], ...others] = cells
  const rule = widths.map((width) => '-'.repeat(width))
  return [first, rule, ...others].map(render).join('\n')
}
