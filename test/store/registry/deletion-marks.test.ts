import { afterEach, describe, expect, it, vi } from 'vitest'
import { isMarkedDeleted, markDeleted } from '../../../src/store/registry/deletion-marks.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a deletion mark', () => {
  it('is found only by its key', async () => {
    await markDeleted('team/app@sha256:a')
    expect(await isMarkedDeleted(['team/app@sha256:a'])).toBe(true)
    expect(await isMarkedDeleted(['team/app:latest', 'team/app@sha256:a'])).toBe(true)
    expect(await isMarkedDeleted(['team/app@sha256:b', 'team/other@sha256:a'])).toBe(false)
    expect(await isMarkedDeleted([])).toBe(false)
  })

  it('lives a day', async () => {
    await markDeleted('a day')
    const mark = await (await caches.open('deleted')).match(
      'https://deleted.berth.internal/a%20day',
    )
    expect(mark?.headers.get('Cache-Control')).toBe('max-age=86400')
  })

  it('cannot fail a delete, and if marks cannot be read, everything counts as marked', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue()
    vi.spyOn(caches, 'open').mockRejectedValue(new Error('no cache here'))
    await markDeleted('a')
    expect(await isMarkedDeleted(['b'])).toBe(true)
    expect(log).toHaveBeenCalledTimes(2)
  })
})
