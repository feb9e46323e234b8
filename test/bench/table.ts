/** Plain text tables for the terminal: first column left, the others right. */

export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [header, ...rows]
  const widths = header.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  const rule = widths.map((width) => '-'.repeat(width))
  return [header, rule, ...rows]
    .map((line) =>
      widths
        .map((width, column) => {
          const cell = line[column] ?? ''
          return column === 0 ? cell.padEnd(width) : cell.padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Three significant digits: 1234 ms, 56.7 ms, 0.82 ms. */
export function milliseconds(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

export function ratio(value: number): string {
  return value.toFixed(2)
}
