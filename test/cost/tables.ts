/** The tables of src/docs/cost.md, by the name of the comment that stands before each of them. */
import type { Bill } from './bill.ts'
import { FIGURES, OCCASIONS } from './figures.ts'
import { cloudflareMonth, cloudflareTotal, elsewhere } from './month.ts'
import { WORKERS_PAID_DOLLARS } from './prices.ts'

const WARM = 0.9

export function costTables(): Record<string, string> {
  return { counts: counts(), month: month(), elsewhere: others() }
}

const COLUMNS: [string, keyof Bill][] = [
  ['requests', 'invocations'],
  ['D1 queries', 'd1Queries'],
  ['D1 rows read', 'd1RowsRead'],
  ['D1 rows written', 'd1RowsWritten'],
  ['R2 class A', 'r2ClassA'],
  ['R2 class B', 'r2ClassB'],
  ['Durable Object requests', 'objectRequests'],
  ['Durable Object rows written', 'objectRowsWritten'],
  ['queue operations', 'queueOperations'],
]

function counts(): string {
  const rows = Object.entries(FIGURES.clients).flatMap(([client, bills]) =>
    OCCASIONS.flatMap((occasion) => {
      const bill = bills[occasion]
      return bill === null ? [] : [row(`${client}, ${occasion}`, bill)]
    }),
  )
  const others = [
    row('containerd, push, with a webhook', FIGURES.pushTold),
    row('sweep every minute', FIGURES.minute),
    row('sweep every hour', FIGURES.hour),
  ]
  return table(['', ...COLUMNS.map(([title]) => title)], [...rows, ...others])
}

function row(name: string, bill: Bill): string[] {
  return [name, ...COLUMNS.map(([, unit]) => number(bill[unit]))]
}

function month(): string {
  const warm = new Map(cloudflareMonth(WARM).map(({ what, used }) => [what, used]))
  const rows = cloudflareMonth(0).map(({ what, used, price, dollars }) => {
    const less = warm.get(what) ?? used
    const share = less === used ? '' : ` (90 % warm: ${number(less)})`
    const per = price.per === 1 ? '' : ' a million'
    return [
      what,
      number(used) + share,
      number(price.included),
      exact(price.dollars) + per,
      money(dollars),
    ]
  })
  if (cloudflareTotal(WARM) !== cloudflareTotal(0)) throw new Error('the warm month has a price')
  return table(
    ['', 'a month', 'included', 'price beyond', 'cost'],
    [
      ['Workers Paid', '', '', '', money(WORKERS_PAID_DOLLARS)],
      ...rows,
      ['**total**', '', '', '', `**${money(cloudflareTotal(0))}**`],
    ],
  )
}

function others(): string {
  const storage = cloudflareMonth(0).find(({ what }) => what.startsWith('R2 storage'))?.dollars ?? 0
  const berth = ['Berth', money(storage), '$0', money(cloudflareTotal(0))]
  const rows = elsewhere().map(({ registry, storage, transfer }) => {
    const all = `${storage === null ? 'more than ' : ''}${whole(transfer + (storage ?? 0))}`
    return [registry, storage === null ? 'not priced' : money(storage), whole(transfer), all]
  })
  return table(['', '1 TB stored', '300 TB to the internet', 'total a month'], [berth, ...rows])
}

function number(value: number): string {
  const digits = value < 100 ? 1 : 0
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

function exact(dollars: number): string {
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 3 })}`
}

function money(dollars: number): string {
  return dollars === 0 ? '$0' : `$${dollars.toFixed(2)}`
}

function whole(dollars: number): string {
  return `$${number(Math.round(dollars))}`
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, at) =>
    Math.max(3, ...[head, ...rows].map((cells) => cells[at]?.length ?? 0)),
  )
  const render = (cells: string[]) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`
  const rule = widths.map((width, at) =>
    at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [render(head), render(rule), ...rows.map(render)].join('\n')
}
