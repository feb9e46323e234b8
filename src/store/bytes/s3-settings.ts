/** The settings of the driver for S3: the store, the bucket and the key. */
import { addressProblem, allowLoopback } from '../../lib/outgoing-address.ts'
import { oneOf, type ReadSetting, setting } from '../../lib/setting.ts'

export interface S3Settings {
  /** The URL before the storage key, without a trailing slash. */
  base: string
  bucket: string
  /** Empty to take it from the host of the endpoint. */
  region: string
  keyId: string
  secret: string
}

const bucket = setting({
  variable: 'S3_BUCKET',
  takes: 'the name of a bucket',
  default: '',
  meaning: 'The bucket. It must exist.',
  parse(text) {
    // Amazon S3 user guide, "Bucket naming rules". Others allow upper case.
    if (/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(text)) return text
    throw new Error('the name of a bucket: 3 to 63 letters, digits, dots and hyphens')
  },
})

const region = setting({
  variable: 'S3_REGION',
  takes: 'the name of a region',
  default: '',
  defaultText: "in the endpoint's name, or `us-east-1`",
  meaning: 'The region that requests are signed for, such as `eu-central-1`; `auto` for R2.',
  parse(text) {
    if (/^[A-Za-z0-9-]{1,64}$/.test(text)) return text
    throw new Error('the name of a region, such as eu-central-1')
  },
})

const keyId = setting({
  variable: 'S3_ACCESS_KEY_ID',
  takes: 'the id of an access key',
  default: '',
  meaning: 'The key. It needs the rights to get, put, delete and list objects of the bucket.',
  parse: (text) => keyText(text, 'the id of an access key'),
})

const secret = setting({
  variable: 'S3_SECRET_ACCESS_KEY',
  takes: 'secret, of the same key',
  default: '',
  meaning: 'The secret of `S3_ACCESS_KEY_ID`.',
  parse: (text) => keyText(text, 'the secret of an access key'),
})

const addressing = setting({
  variable: 'S3_ADDRESSING',
  ...oneOf('path', 'host'),
  meaning: 'Where the bucket stands in a URL: in the path, or before the host of the endpoint.',
})

/** Null if bytes are not stored in S3. */
const s3 = setting({
  variable: 'S3_ENDPOINT',
  takes: 'https URL',
  default: null,
  meaning:
    'Bytes are stored in this S3-compatible store, such as `https://s3.eu-central-1.amazonaws.com`: see [storage](storage.md).',
  parts: [bucket, region, keyId, secret, addressing],
  parse: (text, read): S3Settings | null => {
    const url = parseEndpoint(text, read(allowLoopback))
    const [name, id] = [given(bucket, read), given(keyId, read)]
    const ofHost = `${url.protocol}//${name}.${url.host}`
    return {
      base: read(addressing) === 'host' ? ofHost : `${url.origin}/${name}`,
      bucket: name,
      region: read(region),
      keyId: id,
      secret: given(secret, read),
    }
  },
})

export const S3_SETTINGS = { s3 }

/** A setting that S3_ENDPOINT needs. */
function given(row: typeof bucket | typeof keyId | typeof secret, read: ReadSetting): string {
  const value = read<string>(row)
  if (value !== '') return value
  throw new Error(
    `S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY too, and ${row.variable} is missing`,
  )
}

function keyText(text: string, what: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text
  throw new Error(`${what}, without spaces`)
}

/** The operator chose the host, so with ALLOW_LOOPBACK it may also be one of a private network. */
function parseEndpoint(text: string, allowPrivate: boolean): URL {
  const url = URL.parse(text)
  const isPlain =
    url !== null && url.search + url.hash + url.username === '' && url.pathname === '/'
  if (!isPlain || !/^https?:$/.test(url.protocol)) {
    throw new Error('an https URL without a path, such as https://s3.eu-central-1.amazonaws.com')
  }
  const problem = allowPrivate ? null : addressProblem(text, { allowLoopback: false })
  if (problem === null) return url
  throw new Error(`an https URL of a public host, unless ALLOW_LOOPBACK is true: ${problem}`)
}
