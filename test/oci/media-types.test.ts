import { describe, expect, it } from 'vitest'
import {
  isImageMediaType,
  isIndexMediaType,
  isNonDistributable,
  MEDIA_TYPE_DOCKER_FOREIGN_LAYER,
  MEDIA_TYPE_DOCKER_LAYER,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  MEDIA_TYPE_DOCKER_SCHEMA1,
  MEDIA_TYPE_OCI_EMPTY,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_LAYER,
  MEDIA_TYPE_OCI_LAYER_GZIP,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_ZSTD,
  MEDIA_TYPE_OCI_MANIFEST,
  parseMediaType,
} from '../../src/oci/media-types.ts'

describe('kinds of media type', () => {
  it.each([
    [MEDIA_TYPE_OCI_MANIFEST, { image: true, index: false }],
    [MEDIA_TYPE_DOCKER_MANIFEST, { image: true, index: false }],
    [MEDIA_TYPE_OCI_INDEX, { image: false, index: true }],
    [MEDIA_TYPE_DOCKER_MANIFEST_LIST, { image: false, index: true }],
    [MEDIA_TYPE_DOCKER_SCHEMA1, { image: false, index: false }],
    [MEDIA_TYPE_OCI_EMPTY, { image: false, index: false }],
    ['', { image: false, index: false }],
  ])('%s', (type, expected) => {
    expect({ image: isImageMediaType(type), index: isIndexMediaType(type) }).toEqual(expected)
  })

  it.each([
    [MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE, true],
    [MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP, true],
    [MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_ZSTD, true],
    [MEDIA_TYPE_DOCKER_FOREIGN_LAYER, true],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar', true],
    [MEDIA_TYPE_OCI_LAYER, false],
    [MEDIA_TYPE_OCI_LAYER_GZIP, false],
    [MEDIA_TYPE_DOCKER_LAYER, false],
    ['x/application/vnd.oci.image.layer.nondistributable.v1.tar', false],
  ])('%s may be absent: %s', (type, expected) => {
    expect(isNonDistributable(type)).toBe(expected)
  })
})

describe('parseMediaType', () => {
  it.each([
    ['application/json', 'application/json'],
    [' Application/JSON ; charset=utf-8', 'application/json'],
    ['text/plain;a=b;c=d', 'text/plain'],
    [';', ''],
    ['', ''],
  ])('%j -> %j', (header, essence) => {
    expect(parseMediaType(header)).toBe(essence)
  })
})
