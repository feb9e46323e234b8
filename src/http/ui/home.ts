/** The page that a browser gets: what this is, and how to use exactly this registry. */
import { type Html, html } from './html.ts'

/** What the page shows of the registry. Nothing of it is secret. */
export interface Facts {
  /** Scheme, host and port, as clients know them. */
  origin: string
  /** Empty, or the path before `/v2/`. */
  prefix: string
  /** Everybody who can reach the registry may use it. */
  isOpen: boolean
  hasDocuments: boolean
}

export function homeContent(facts: Facts): Html {
  return html`<main>
<h1>This is a container registry</h1>
<p class="lead">Push images to <b>${hostOf(facts.origin)}</b> and pull them from it, with docker or another client.</p>
${howToUse(facts)}
</main>`
}

/** @param reason what is missing, as a sentence without its full stop; null if nothing is known of the path */
export function missingContent(facts: Facts, reason: string | null): Html {
  return html`<main>
<h1>There is no page here</h1>
<p class="lead">This is a container registry. Push images to <b>${hostOf(facts.origin)}</b> and pull them from it, with docker or another client.</p>
${reason === null ? null : html`<p class="reason">${reason}.</p>`}
${howToUse(facts)}
</main>`
}

function howToUse(facts: Facts): Html {
  const { prefix, hasDocuments } = facts
  return html`${prefix === '' ? commands(facts) : hostsFile(facts)}
${hasDocuments ? furtherReading(facts) : null}`
}

function commands({ origin, isOpen, prefix, hasDocuments }: Facts): Html {
  const host = hostOf(origin)
  const image = `${host}/app:1.0`
  const login = isOpen
    ? null
    : step('Log in with your name and your password or access token:', `docker login ${host}`)
  return html`<h2>Push an image</h2>
<ol class="steps">
${login}
${step('Give your image a name at this registry. Here it is called app:', `docker tag app ${image}`)}
${step('Push it:', `docker push ${image}`)}
</ol>
<h2>Pull it</h2>
<ol class="steps">
${step(isLoopback(origin) ? 'From this machine:' : 'From any machine that reaches this registry:', `docker pull ${image}`)}
</ol>
${isPlain(origin) ? plainHttp(host, hasDocuments, prefix) : null}`
}

function step(what: string, command: string): Html {
  return html`<li><p>${what}</p><pre tabindex="0"><code>${command}</code></pre></li>`
}

/** docker asks for `/v2/` at the root of the host, always. */
function hostsFile({ origin, prefix }: Facts): Html {
  const api = `${origin.split('://')[0]}://${hostOf(origin)}${prefix}/v2`
  return html`<h2>Push and pull</h2>
<p>The API of this registry is at <code>${api}/</code>. docker finds registries only at the root of a host. containerd takes the path from its <code>hosts.toml</code>:</p>
<pre tabindex="0"><code>[host."${api}"]
  capabilities = ["pull", "resolve", "push"]
  override_path = true</code></pre>`
}

/** Whether docker has to be told that the registry has no TLS. It knows that of loopback addresses. */
function isPlain(origin: string): boolean {
  return new URL(origin).protocol === 'http:' && !isLoopback(origin)
}

function isLoopback(origin: string): boolean {
  return /^(localhost|127\..*|\[::1\])$/.test(new URL(origin).hostname)
}

function plainHttp(host: string, hasDocuments: boolean, prefix: string): Html {
  const more = hasDocuments
    ? html` <a href="${prefix}/docs/clients">Clients</a> has the options of others.`
    : null
  return html`<p>This address is not encrypted. docker uses it only if <code>insecure-registries</code> in its <code>daemon.json</code> lists <code>${host}</code>.${more}</p>`
}

function furtherReading({ prefix }: Facts): Html {
  return html`<h2>Read more</h2>
<ul>
<li><a href="${prefix}/docs">Documents</a>: access, clients, settings, operation</li>
<li><a href="${prefix}/docs/api">API reference</a>: accounts, tokens, grants, webhooks</li>
</ul>`
}

/**
 * Host and port. The name of the Host header may have characters that mean something to a shell, and the page asks people to copy its
 * commands. Then it shows a placeholder.
 */
function hostOf(origin: string): string {
  const { host } = new URL(origin)
  return /^([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]+)?$/.test(host) ? host : 'REGISTRY'
}
