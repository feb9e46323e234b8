/**
 * What clients send, in order, and how it is answered: put together from recordings of November 2026, between the clients and
 * docker-registry 2.8.2 behind a proxy that asked for a bearer token (the login) or for nothing (the rest). What a client repeats
 * for each blob is written once; what it sends for several blobs at the same time stands one after the other, which costs the same.
 */

/** What a group of requests is sent for. `blobs`: each layer, and the config. */
export type Each = 'image' | 'layer' | 'config' | 'blob'

/**
 * `<method> <what> <status>`. `base` is /v2/; `token` is asked with a password; `tag` and `manifest` are the manifest by tag and by
 * digest; `upload` is what a POST begins and its Location names. `streamed` has a body whose length is not known before, `whole`
 * one whose length is.
 */
export type Request = `${'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT'} ${What} ${number}`
type What =
  | 'base'
  | 'token'
  | 'tag'
  | 'manifest'
  | 'blob'
  | 'upload'
  | 'upload streamed'
  | 'upload whole'

export type Sequence = [Each, ...Request[]][]

/** `again`: the registry, or the client, has everything already. */
export type Operation = 'push' | 'push again' | 'pull' | 'pull again'

/**
 * docker 26.1.5; `again`, docker 20.10.24. containerd 1.7.24, and docker 26.1.5 with the containerd image store, which sends the
 * same; its login and its `pull again`, containerd 1.6.20. podman 5.4.2; its login, podman 4.3.1, and its `push again`, skopeo 1.9.3 of
 * the same library.
 */
export type Client = 'docker' | 'containerd' | 'podman'

const PING_THEN_TOKEN: Sequence[number] = ['image', 'GET base 401', 'GET token 200']

/** Null where nothing was recorded. */
export const SEQUENCES: Record<Client, Record<Operation, Sequence | null>> = {
  docker: {
    push: [
      PING_THEN_TOKEN,
      ['layer', 'POST upload 202', 'PATCH upload streamed 202', 'PUT upload 201', 'HEAD blob 200'],
      [
        'config',
        'HEAD blob 404',
        'POST upload 202',
        'PATCH upload streamed 202',
        'PUT upload 201',
        'HEAD blob 200',
      ],
      ['image', 'PUT tag 201'],
    ],
    'push again': [PING_THEN_TOKEN, ['blob', 'HEAD blob 200'], ['image', 'PUT tag 201']],
    pull: [
      PING_THEN_TOKEN,
      ['image', 'HEAD tag 200', 'GET manifest 200'],
      ['blob', 'GET blob 200'],
    ],
    'pull again': [PING_THEN_TOKEN, ['image', 'HEAD tag 200']],
  },
  containerd: {
    // All blobs are asked for at once: each question gets its own 401, and all share one token.
    push: [
      ['blob', 'HEAD blob 401'],
      ['image', 'POST token 200'],
      ['blob', 'HEAD blob 404'],
      ['blob', 'POST upload 202', 'PUT upload whole 201'],
      ['image', 'HEAD tag 404', 'PUT tag 201'],
    ],
    'push again': [
      ['blob', 'HEAD blob 401'],
      ['image', 'POST token 200'],
      ['blob', 'HEAD blob 200'],
      ['image', 'HEAD tag 200'],
    ],
    pull: [
      ['image', 'HEAD tag 401', 'POST token 200', 'HEAD tag 200', 'GET manifest 200'],
      ['blob', 'GET blob 200'],
    ],
    'pull again': [['image', 'HEAD tag 401', 'POST token 200', 'HEAD tag 200']],
  },
  podman: {
    push: [
      PING_THEN_TOKEN,
      ['layer', 'HEAD blob 404', 'POST upload 202', 'PATCH upload streamed 202', 'PUT upload 201'],
      ['config', 'HEAD blob 404', 'POST upload 202', 'PATCH upload whole 202', 'PUT upload 201'],
      ['image', 'PUT tag 201'],
    ],
    'push again': [PING_THEN_TOKEN, ['blob', 'HEAD blob 200'], ['image', 'PUT tag 201']],
    pull: [PING_THEN_TOKEN, ['image', 'GET tag 200'], ['blob', 'GET blob 200']],
    'pull again': null,
  },
}
