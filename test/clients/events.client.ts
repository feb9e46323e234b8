/** Webhooks: what a docker push and pull tell a receiver, through `npm start`. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { BEHAVIOURS, startReceiver, type WebhookReceiver } from '../node/receiver.ts'
import { type Docker, startDocker } from './docker-engine.ts'
import { makeImage } from './images.ts'
import { scratchFor } from './scratch.ts'

interface Event {
  id: string
  action: string
  target: { repository: string; mediaType?: string; digest?: string; tag?: string; url?: string }
  request: { method: string; useragent: string; host: string }
}

suite('events', () => {
  const scratch = scratchFor('events')
  let docker: Docker
  let receiver: WebhookReceiver
  let webhook = ''

  before(async () => {
    docker = await startDocker(scratch.dir)
    receiver = await startReceiver(() => BEHAVIOURS.ok)
    const response = await fetch(`http://${scratch.host}/api/v1/webhooks`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        name: 'clients',
        url: receiver.url('hook'),
        repositories: [`${scratch.path('')}**`],
        blobPulls: true,
      }),
    })
    assert.equal(response.status, 201, await response.clone().text())
    webhook = (await response.json()).id
  })
  after(async () => {
    await fetch(`http://${scratch.host}/api/v1/webhooks/${webhook}`, { method: 'DELETE' })
    await receiver.stop()
    await docker.stop()
    await scratch.remove()
  })

  function events(repository: string): Event[] {
    const all = receiver.received.flatMap(({ body }): Event[] => JSON.parse(body).events)
    return all.filter(({ target }) => target.repository === repository)
  }

  async function until(check: () => boolean, what: string): Promise<void> {
    for (const end = Date.now() + 90_000; !check(); await wait(200)) {
      if (Date.now() > end) assert.fail(`${what}: ${JSON.stringify(receiver.received)}`)
    }
  }

  test('docker push and docker pull', async () => {
    const repository = scratch.path('app')
    const reference = `${scratch.repository('app')}:v1`
    await docker.load(await makeImage(join(scratch.dir, 'image'), [1e5, 1e5]), reference)
    const digest = await docker.push(reference)
    const pushes = () => events(repository).filter(({ action }) => action === 'push')
    await until(() => pushes().some(({ target }) => target.tag === 'v1'), 'the push of the tag')
    const manifest = pushes().find(({ target }) => target.tag === 'v1')
    assert.equal(manifest?.target.digest, digest)
    assert.equal(
      manifest?.target.url,
      `http://${scratch.host}/v2/${repository}/manifests/${digest}`,
    )
    assert.match(manifest?.request.useragent ?? '', /^docker\//)
    assert.equal(manifest?.request.host, scratch.host)
    // Two layers and the config.
    const blobs = pushes().filter(({ target }) => /octet-stream/.test(target.mediaType ?? ''))
    assert.equal(new Set(blobs.map(({ target }) => target.digest)).size, 3)

    // An isolate asks once a minute whether anybody wants to hear of pulls.
    const pulls = () => events(repository).filter(({ action }) => action === 'pull')
    for (const end = Date.now() + 90_000; pulls().length === 0 && Date.now() < end; ) {
      await fetch(`http://${scratch.host}/v2/${repository}/manifests/v1`, { method: 'HEAD' })
      await wait(1000)
    }
    await docker.run`docker rmi -f ${reference}`
    await docker.run`docker pull --quiet ${reference}`
    const byDocker = () => pulls().filter(({ request }) => /^docker\//.test(request.useragent))
    await until(
      () => new Set(byDocker().map(({ target }) => target.digest)).size === 4,
      'the pulls of the manifest and three blobs',
    )
    assert.ok(byDocker().some(({ target }) => target.digest === digest))
  })
})
