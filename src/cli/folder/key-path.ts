/**
 * The names of objects in a storage folder: each segment of a key is a folder, and the last one is the file. Letters, digits, `-` and
 * `_` stand for themselves, every other byte of UTF-8 is written as %XX, and an empty segment as %. The name of an object ends with
 * `.blob`, so that no folder has the same name.
 */

const SUFFIX = '.blob'

/** R2's limit, which a driver need not exceed. In bytes of UTF-8. */
const KEY_BYTES_AT_MOST = 1024

/** The limit of file systems. */
const NAME_BYTES_AT_MOST = 255

/**
 * The path of an object, relative to the folder of all objects.
 * @throws {RangeError} if the key is empty or too long
 */
export function pathOfKey(key: string): string {
  const segments = key.split('/').map(encode)
  const path = segments.join('/') + SUFFIX
  const longest = Math.max(...path.split('/').map((name) => name.length))
  if (key === '' || Buffer.byteLength(key) > KEY_BYTES_AT_MOST || longest > NAME_BYTES_AT_MOST) {
    throw new RangeError('the key is empty or too long')
  }
  return path
}

/** The last segment of the key of a file; null for a folder and for other files. */
export function segmentOfFile(name: string): string | null {
  return name.endsWith(SUFFIX) ? segmentOf(name.slice(0, -SUFFIX.length)) : null
}

/** The segment that a folder stands for; null for folders that no key has. */
export function segmentOf(name: string): string | null {
  if (name === '%') return ''
  return /^(?:[\w-]|%[0-9A-F]{2})+$/.test(name) ? decode(name) : null
}

function encode(segment: string): string {
  if (segment === '') return '%'
  return encodeURIComponent(segment).replace(
    /[!'()*~.]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function decode(name: string): string | null {
  try {
    return decodeURIComponent(name)
  } catch {
    return null
  }
}
