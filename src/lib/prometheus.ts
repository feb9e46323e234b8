/** Prometheus' text exposition format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** A gauge with one sample. */
export interface Gauge {
  name: string
  /** One sentence, in any characters. */
  help: string
  value: number
  labels?: Readonly<Record<string, string>>
}

export function formatGauges(gauges: readonly Gauge[]): string {
  return gauges
    .flatMap(({ name, help, value, labels }) => [
      `# HELP ${name} ${escapeText(help)}\n`,
      `# TYPE ${name} gauge\n`,
      `${name}${formatLabels(labels ?? {})} ${value}\n`,
    ])
    .join('')
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([label, value]) => `${label}="${escapeText(value).replaceAll('"', '\\"')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
