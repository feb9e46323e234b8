/** The page of the OpenAPI document: every operation of the administration API, for people. */
import { type Html, html } from '../../http/ui/html.ts'
import { API_REFERENCE } from './contents.ts'
import type { Page } from './layout.ts'
import { fieldsTable, linkTo, meaningOf, nameIn, prose, type Schema, typeText } from './schema.ts'

/** What this page reads of the document. */
export interface OpenApi {
  info: { title: string; description: string }
  servers: readonly [{ url: string }]
  paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>
  components: { schemas: Readonly<Record<string, Schema>> }
}

interface ApiOperation {
  operationId: string
  summary: string
  description?: string
  parameters?: readonly Parameter[]
  requestBody?: { required: boolean; content: JsonContent }
  responses: Readonly<Record<string, { description: string; content?: JsonContent }>>
}

interface Parameter {
  name: string
  in: 'path' | 'query'
  required: boolean
  description?: string
  schema: Schema
}

interface JsonContent {
  'application/json': { schema: { $ref: string } }
}

/** An operation with what stands around it in the document. */
interface Route {
  method: string
  path: string
  operation: ApiOperation
  /** Who may call it. */
  access: string
}

/** @param accessOf who may call the operation with an id */
export function apiReference(document: OpenApi, accessOf: ReadonlyMap<string, string>): Page {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): Route => {
      const access = accessOf.get(operation.operationId) ?? ''
      return { method: method.toUpperCase(), path, operation, access }
    }),
  )
  const nouns = Map.groupBy(routes, ({ path }) => path.split('/')[1] ?? '')
  const shared = Object.entries(document.components.schemas).filter(([name]) => !isInline(name))
  const sections = [...nouns.keys()].map((noun) => ({ id: noun, title: titleOf(noun) }))
  const [{ url }] = document.servers
  return {
    path: API_REFERENCE.path,
    title: API_REFERENCE.label,
    sections: [{ id: 'errors', title: 'Errors' }, ...sections, { id: 'schemas', title: 'Schemas' }],
    content: html`<h1>API reference</h1>
<p>${document.info.description} Requests and answers are JSON. All paths are below <code>${url}</code>.</p>
<p>Log in with a name and a password or an access token (HTTP Basic). Programs find this reference as an <a href="../api/v1/openapi.json">OpenAPI document</a>.</p>
<h2 id="errors">Errors</h2>
<p>Every error has a body of the schema ${linkTo('Errors')}.</p>
${errorTable(routes)}
${[...nouns].map(
  ([noun, of]) => html`<h2 id="${noun}">${titleOf(noun)}</h2>
${of.map((route) => operationSection(route, document))}`,
)}
<h2 id="schemas">Schemas</h2>
${shared.map(
  ([name, schema]) => html`<h3 id="schema-${name}">${name}</h3>
${schemaText(schema)}`,
)}`,
  }
}

/** Bodies and answers that only one operation has stand there. */
function isInline(name: string): boolean {
  return /(Body|Answer)$/.test(name)
}

function titleOf(noun: string): string {
  const words = noun.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function errorTable(routes: readonly Route[]): Html {
  const meanings = new Map(
    routes
      .flatMap(({ operation }) => Object.entries(operation.responses))
      .filter(([status]) => isError(status))
      .map(([status, { description }]) => [status, description] as const),
  )
  const rows = [...meanings]
    .toSorted()
    .map(([status, meaning]) => html`<tr><td><code>${status}</code></td><td>${meaning}</td></tr>\n`)
  return html`<div class="table" tabindex="0"><table><thead><tr><th>Status</th><th>Meaning</th></tr></thead><tbody>
${rows}</tbody></table></div>`
}

function isError(status: string): boolean {
  return status >= '400'
}

function operationSection({ method, path, operation, access }: Route, document: OpenApi): Html {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const url = `${document.servers[0].url}${path}`
  const failures = Object.keys(responses).filter(isError)
  // Some descriptions begin with who may call, more exactly.
  const who = description?.startsWith('For ') ? null : html`<p class="access">For ${access}.</p>`
  return html`<section class="operation">
<h3 id="${operationId}">${summary} <a class="anchor" href="#${operationId}" aria-label="Link to “${summary}”">#</a></h3>
<p class="route"><code><b>${method}</b> ${url}</code></p>
${description === undefined ? null : html`<p>${prose(description)}</p>\n`}${who}
${parameters.length === 0 ? null : parameterTable(parameters)}
${requestBody === undefined ? null : html`<h4>Body${requestBody.required ? null : ' (optional)'}</h4>${contentText(requestBody.content, document)}`}
${Object.entries(responses)
  .filter(([status]) => !isError(status))
  .map(
    ([status, { content }]) =>
      html`<h4>Answer: <code>${status}</code></h4>${content === undefined ? html`<p>Without a body.</p>` : contentText(content, document)}`,
  )}
<p class="note">Errors: ${failures.map((status, index) => html`${index === 0 ? null : ', '}<code>${status}</code>`)}</p>
</section>
`
}

function parameterTable(parameters: readonly Parameter[]): Html {
  const rows = parameters.map(({ name, schema, required, description, ...parameter }) => {
    const documented = description === undefined ? schema : { ...schema, description }
    const note = required ? parameter.in : `${parameter.in}, optional`
    return html`<tr><td><code>${name}</code> <span class="note">${note}</span></td><td>${typeText(schema)}</td><td>${meaningOf(documented)}</td></tr>\n`
  })
  return html`<h4>Parameters</h4><div class="table" tabindex="0"><table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead><tbody>
${rows}</tbody></table></div>`
}

function contentText(content: JsonContent, document: OpenApi): Html {
  const { $ref } = content['application/json'].schema
  const schema = document.components.schemas[nameIn($ref)]
  if (schema === undefined || !isInline(nameIn($ref))) return html`<p>${linkTo($ref)}</p>`
  return schemaText(schema)
}

function schemaText(schema: Schema): Html {
  if (schema.properties !== undefined) return fieldsTable(schema)
  return html`<p>${typeText(schema)}</p>`
}
