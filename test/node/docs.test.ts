/** The documents say what is there: their shell blocks run, and their links, settings, commands and paths exist. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { USAGE } from '../../src/cli/command-line.ts'
import { startLocal } from '../../src/cli/local.ts'
import { isSettingName } from '../../src/http/middleware/setting-names.ts'
import { ERROR_TABLE } from '../../src/oci/errors.ts'
import { destination, parsePage, projectFiles, ROOT, readPages, type ShellBlock } from './pages.ts'
import { temporaryFolder } from './support.ts'

const README_BYTES = 10_240
const BLOCK_MS = 60_000
/** The password that the pages use. */
const ADMIN_PASSWORD = 'correct-horse-battery'
/** The port that the pages use, unless a digit follows. */
const PORT = /localhost:5000(?!\d)/g
/** A command that fails, or a request that is refused, fails the block. */
const CURLRC = 'fail-with-body\nsilent\nshow-error\nmax-time = 30\n'

const files = projectFiles()
const pages = readPages(files)

describe.each(pages)('$path', (page) => {
  it('has no dead relative link or anchor', () => {
    const dead = page.links.filter((link) => {
      const { file, anchor } = destination(page, link)
      if (!files.some((known) => known === file || known.startsWith(`${file}/`))) return true
      const anchors = pages.find(({ path }) => path === file)?.anchors
      return anchor !== '' && !anchors?.has(anchor)
    })
    expect(dead.map(({ line, target }) => `${line}: ${target}`)).toEqual([])
  })

  it('names only settings, error codes and environment variables that exist', () => {
    const names = page.code.filter((code) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(code))
    expect(names.filter((name) => !isSettingName(name) && !isInSource(name))).toEqual([])
  })

  it('names only npm scripts and options of npm start that exist', () => {
    expect(commandProblems(page.text)).toEqual([])
  })

  it('names only files that exist', () => {
    const paths = page.code.filter((code) =>
      /^(?!\S*[*<>…{])(?:(?:src|test|migrations|\.github|\.ci)\/\S+|[\w./-]+\.(?:ts|sql))$/.test(
        code,
      ),
    )
    const missing = paths.filter((path) => {
      const name = path.replace(/\/$/, '')
      return !files.some((file) => `/${file}/`.includes(`/${name}/`))
    })
    expect(missing).toEqual([])
  })

  const blocks = page.shell.filter(({ needs }) => needs.length === 0)
  it.runIf(blocks.length > 0)(
    'has shell blocks that run',
    async () => {
      const state = temporaryFolder()
      const vars = { OPEN_ACCESS: 'false', LOG_REQUESTS: 'false', ADMIN_PASSWORD }
      const registry = await startLocal({ state, vars })
      onTestFinished(() => registry.stop())
      const output = await run(blocks, registry.url)
      expect(output.failed, output.text).toBe(false)
    },
    BLOCK_MS * (blocks.length + 1),
  )
})

describe('the documents', () => {
  it('have a README of at most 10 KB', () => {
    expect(Buffer.byteLength(pageAt('README.md').text)).toBeLessThanOrEqual(README_BYTES)
  })

  it('list every error code with its status', () => {
    const rows = pageAt('src/docs/errors.md').text.matchAll(/^\| `([A-Z_]+)` +\| +(\d{3}) \|/gm)
    const listed = [...rows].map(([, code, status]) => [code, Number(status)])
    const table = Object.entries(ERROR_TABLE).map(([code, { status }]) => [code, status])
    expect(listed).toEqual(table)
  })

  it('list the version of each client that the tests install', () => {
    const installed = readFileSync(join(ROOT, 'test/clients/install.ts'), 'utf8')
    const versions = [...installed.matchAll(/version: 'v([\d.]+)'/g)].map(([, version]) => version)
    const { text } = pageAt('src/docs/clients.md')
    expect(versions.filter((version) => !text.includes(` | ${version} `))).toEqual([])
    expect(versions.length).toBeGreaterThan(5)
  })

  it('are read as GitHub reads them', () => {
    const page = parsePage(
      'a.md',
      '# `A` b_c: d!\n## [Two words](x.md)\n## Two words\n[1](#a) `[2](#b)`\n```sh needs=docker,root\n# no heading\n```\n',
    )
    expect([...page.anchors]).toEqual(['a-b_c-d', 'two-words', 'two-words-1'])
    expect(page.links.map(({ target }) => target)).toEqual(['x.md', '#a'])
    expect(page.shell).toEqual([{ line: 5, script: '# no heading', needs: ['docker', 'root'] }])
  })
})

function pageAt(path: string) {
  const found = pages.find((page) => page.path === path)
  if (found === undefined) throw new Error(`there is no ${path}`)
  return found
}

/** A name of the source: a binding, an error code, or a variable of the environment that tests and commands read. */
function isInSource(name: string): boolean {
  sources ??= files
    .filter((file) => /\.(ts|sql|toml|sh)$|^package\.json$|^\.ci\/|^\.github\/.*\.yml$/.test(file))
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n')
  return new RegExp(`\\b${name}\\b`).test(sources)
}
let sources: string | undefined

function commandProblems(text: string): string[] {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  )
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name)
  return [
    ...all(/npm run ([a-z][a-z0-9:-]*)/g).filter((name) => !(name in scripts)),
    ...all(/--var ([A-Z_]+):/g).filter((name) => name !== 'NAME' && !isSettingName(name)),
    ...all(/\b([A-Z]+)=\S+ (?:[A-Z]+=\S+ )*npm start/g).filter(
      (name) => !USAGE.includes(`${name}=`),
    ),
    ...all(/npm start -- (--[a-z-]+)/g).filter((option) => !USAGE.includes(`  ${option}`)),
  ]
}

interface Output {
  failed: boolean
  text: string
}

/** Runs the blocks of a page in one shell, in a folder that shows the clone and takes new files. */
async function run(blocks: readonly ShellBlock[], registry: URL): Promise<Output> {
  const cwd = temporaryFolder()
  for (const entry of readdirSync(ROOT)) {
    if (entry !== '.git' && entry !== '.dev.vars') symlinkSync(join(ROOT, entry), join(cwd, entry))
  }
  const home = temporaryFolder()
  writeFileSync(join(home, '.curlrc'), CURLRC)
  const script = blocks.map(({ line, script }) => `echo "-- the block of line ${line}"\n${script}`)
  return shell(script.join('\n').replace(PORT, `localhost:${registry.port}`), {
    cwd,
    home,
    timeout: BLOCK_MS * blocks.length,
  })
}

/** The whole process group ends with the time, or with the shell. */
async function shell(
  script: string,
  { cwd, home, timeout }: { cwd: string; home: string; timeout: number },
): Promise<Output> {
  const bin = join(ROOT, 'node_modules/.bin')
  const env = {
    ...process.env,
    HOME: home,
    CURL_HOME: home,
    PATH: `${bin}:${process.env.PATH}`,
    ADMIN_PASSWORD,
  }
  const bash = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [bash.stdout, bash.stderr]) {
    stream.on('data', (data: Buffer) => {
      text = (text + data.toString()).slice(-20_000)
    })
  }
  const end = () => {
    try {
      if (bash.pid !== undefined) process.kill(-bash.pid, 'SIGKILL')
    } catch {
      // All of the group has ended.
    }
  }
  const timer = setTimeout(() => {
    text += `-- not done after ${timeout} ms\n`
    end()
  }, timeout)
  const code = await new Promise((resolve) => bash.on('exit', resolve).on('error', resolve))
  clearTimeout(timer)
  end()
  return { failed: code !== 0, text }
}
