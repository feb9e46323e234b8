/** The OpenAPI 3.1 document of the administration API. It is generated from the schemas that check requests. */
import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema'
import * as v from 'valibot'
import type { OperationAccess } from './access.ts'
import { isOptional, type Operation } from './operation.ts'
import { namedSchemas } from './schemas.ts'

const errors = v.object({
  errors: v.pipe(
    v.array(v.object({ code: v.string(), message: v.string(), detail: v.optional(v.unknown()) })),
    v.description('Errors in the format of the OCI distribution spec'),
  ),
})

const ERRORS: Record<number, string> = {
  400: 'The request is not valid; the message names the field',
  401: 'A name and a password are required',
  403: 'The caller may not do this',
  404: 'It does not exist, or the caller may not know of it',
  405: 'Deletes are disabled',
  409: 'It conflicts with the current state',
  413: 'The body is too long',
  415: 'The body is not JSON',
  429: 'Too many requests or failed logins; Retry-After says when to try again',
}

/** `serverUrl` is the path before the paths of the operations. */
export function openApiDocument(operations: readonly Operation[], serverUrl: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    const path = paths[operation.path] ?? {}
    paths[operation.path] = path
    path[operation.method] = describe(operation)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Berth administration API',
      version: '1',
      description:
        'Accounts, access tokens, grants, trust rules, repositories, webhooks and events of the registry.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl }],
    security: [{ basic: [] }],
    paths,
    components: {
      schemas: components(operations),
      securitySchemes: { basic: { type: 'http', scheme: 'basic' } },
    },
  }
}

function describe({ id, summary, description, request, answer, status, ...rest }: Operation) {
  const { params, query, body } = request.entries
  const given = { operationId: id, summary, ...(description && { description }) }
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')]
  return {
    ...given,
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: !isOptional(body), content: json(nameOf(body) ?? `${id}Body`) },
    }),
    responses: {
      [status]: {
        description: 'Done',
        ...(parameters.some(({ name }) => name === 'n') && { headers: NEXT_PAGE }),
        ...(status !== 204 && { content: json(nameOf(answer) ?? `${id}Answer`) }),
      },
      ...Object.fromEntries(
        errorsOf(rest.access, rest.errors ?? [], body !== undefined).map((error) => [
          error,
          { description: ERRORS[error], content: json('Errors') },
        ]),
      ),
    },
    ...(rest.access === 'admin' && { 'x-access': 'administrators' }),
  }
}

const NEXT_PAGE = {
  Link: { description: 'The next page, rel="next"', schema: { type: 'string' } },
}

/** The refusals of a signed-in caller without the required access. */
const REFUSALS: Record<OperationAccess, readonly number[]> = {
  none: [],
  'signed-in': [],
  admin: [403],
  account: [403],
  'repository-pull': [404],
  'repository-admin': [403, 404],
  'repository-delete': [403, 404, 405],
}

function errorsOf(
  access: OperationAccess,
  more: readonly number[],
  hasBody: boolean,
): readonly number[] {
  const always = [400, 401, 429, ...REFUSALS[access], ...(hasBody ? [413, 415] : [])]
  return [...new Set([...always, ...more])].sort()
}

function json(schema: string) {
  return { 'application/json': { schema: { $ref: reference(schema) } } }
}

function reference(schema: string): string {
  return `#/components/schemas/${schema}`
}

interface Parameter {
  name: string
  in: 'path' | 'query'
  required: boolean
  description?: string
  schema: object
}

function parametersOf(schema: v.GenericSchema | undefined, where: Parameter['in']): Parameter[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = toJsonSchema(schema, CONVERSION)
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = typeof property === 'object' ? property : {}
    return {
      name,
      in: where,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    }
  })
}

/** All named schemas, and the other schemas of bodies and answers under the name of their operation. */
function components(operations: readonly Operation[]): Record<string, object> {
  const schemas = new Map([...namedSchemas, ['Errors', errors]])
  for (const { id, request, answer, status } of operations) {
    const { body } = request.entries
    if (body !== undefined && nameOf(body) === undefined) schemas.set(`${id}Body`, body)
    if (status !== 204 && nameOf(answer) === undefined) schemas.set(`${id}Answer`, answer)
  }
  return toJsonSchemaDefs(Object.fromEntries(schemas), {
    ...CONVERSION,
    overrideRef: ({ referenceId }) => reference(referenceId),
  })
}

function nameOf(schema: v.GenericSchema): string | undefined {
  return [...namedSchemas].find(([, named]) => named === schema)?.[0]
}

/** Numbers in a query are parsed from text, but documented as numbers. Checks by functions are not documented. */
const CONVERSION = {
  target: 'draft-2020-12',
  typeMode: 'output',
  ignoreActions: ['check'],
} satisfies ConversionConfig
