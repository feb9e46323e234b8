import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../src/oci/manifest.ts'
import {
  MEDIA_TYPE_DOCKER_MANIFEST as IMAGE,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST as LIST,
  MEDIA_TYPE_OCI_MANIFEST as OCI_IMAGE,
  MEDIA_TYPE_OCI_INDEX as OCI_INDEX,
  MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED as SCHEMA1,
} from '../../src/oci/media-types.ts'
import { acceptsManifest, needsPlatformChild, platformChild } from '../../src/oci/negotiation.ts'
import { bytes, SHA256 } from './support.ts'

/** What six separate Accept lines of podman and skopeo become. */
const SIX_LINES = [OCI_IMAGE, IMAGE, SCHEMA1, OCI_INDEX, LIST, 'application/json'].join(', ')

describe('acceptsManifest', () => {
  it.each([
    [null, IMAGE, true],
    ['', IMAGE, true],
    [' , ', IMAGE, true],
    ['*/*', IMAGE, true],
    ['application/*', IMAGE, true],
    ['text/*', IMAGE, false],
    ['*', IMAGE, false],
    ['application/json', IMAGE, false],
    [IMAGE, IMAGE, true],
    [IMAGE.toUpperCase(), IMAGE, true],
    [IMAGE, OCI_IMAGE, false],
    [SIX_LINES, OCI_INDEX, true],
    [`text/plain,${IMAGE}`, IMAGE, true],
    [`${IMAGE};q=0`, IMAGE, false],
    [`${IMAGE}; Q=0.000`, IMAGE, false],
    [`${IMAGE};q=0.001`, IMAGE, true],
    [`${IMAGE};q=1`, IMAGE, true],
    [`${IMAGE};charset=utf-8;q=0.5`, IMAGE, true],
    [`${IMAGE};charset=utf-8;q=0`, IMAGE, false],
    [`${IMAGE};q=0, */*`, IMAGE, false],
    [`*/*, ${IMAGE};q=0`, IMAGE, false],
    ['application/*;q=0, */*', IMAGE, false],
    [`application/*;q=0, ${IMAGE}`, IMAGE, true],
    ['*/*;q=0', IMAGE, false],
  ])('%j for %s: %s', (accept, mediaType, expected) => {
    expect(acceptsManifest(accept, mediaType)).toBe(expected)
  })
})

describe('needsPlatformChild', () => {
  it.each([
    ['no header', null, { list: true, index: false }],
    ['an empty header', '', { list: true, index: false }],
    ['anything', '*/*', { list: false, index: false }],
    ['any application type', 'application/*', { list: false, index: false }],
    ['JSON', 'application/json', { list: true, index: false }],
    ['schema 1', SCHEMA1, { list: true, index: false }],
    ['a Docker image', IMAGE, { list: true, index: true }],
    ['an OCI image', OCI_IMAGE, { list: true, index: true }],
    ['a Docker image and schema 1', `${IMAGE}, ${SCHEMA1}`, { list: true, index: true }],
    ['a Docker list', LIST, { list: false, index: false }],
    ['an OCI index', OCI_INDEX, { list: false, index: false }],
    ['an image or a list', `${IMAGE}, ${LIST}`, { list: false, index: false }],
    ['an image or anything', `${IMAGE}, */*;q=0.1`, { list: false, index: false }],
    ['six lines', SIX_LINES, { list: false, index: false }],
    ['an image, no list', `${IMAGE}, ${LIST};q=0`, { list: true, index: true }],
    ['no list, anything else', `${LIST};q=0, */*`, { list: true, index: false }],
    ['a refused image', `${IMAGE};q=0`, { list: true, index: false }],
    ['nothing', '*/*;q=0', { list: true, index: false }],
  ])('%s', (_, accept, expected) => {
    expect({
      list: needsPlatformChild(accept, LIST),
      index: needsPlatformChild(accept, OCI_INDEX),
    }).toEqual(expected)
  })

  it.each([IMAGE, OCI_IMAGE])('never for a stored image: %s', (stored) => {
    for (const accept of [null, '', LIST, SCHEMA1, '*/*;q=0']) {
      expect(needsPlatformChild(accept, stored)).toBe(false)
    }
  })
})

describe('platformChild', () => {
  const entry = (size: number, mediaType: string, platform?: object) => ({
    mediaType,
    digest: SHA256,
    size,
    ...(platform === undefined ? {} : { platform }),
  })
  const list = (...manifests: object[]) =>
    parseManifest(bytes({ schemaVersion: 2, mediaType: LIST, manifests }), LIST)
  const linux = { os: 'linux', architecture: 'amd64' }
  const arm = { os: 'linux', architecture: 'arm64', variant: 'v8' }

  it('is the first image for linux/amd64 by default', () => {
    const manifest = list(
      entry(1, IMAGE),
      entry(2, OCI_INDEX, linux),
      entry(3, IMAGE, { ...linux, os: 'windows' }),
      entry(4, IMAGE, arm),
      entry(5, OCI_IMAGE, linux),
      entry(6, IMAGE, linux),
    )
    expect(platformChild(manifest)?.size).toBe(5)
    expect(platformChild(manifest, 'windows')?.size).toBe(3)
    expect(platformChild(manifest, 'linux', 'arm64')?.size).toBe(4)
  })

  it('is undefined if there is none', () => {
    expect(platformChild(list())).toBeUndefined()
    expect(platformChild(list(entry(1, IMAGE, arm)))).toBeUndefined()
  })
})
