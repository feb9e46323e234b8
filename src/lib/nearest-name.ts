/** Suggests the name that was probably meant by an unknown name. */

/** A name with more edits counts as a different one. */
const EDITS_AT_MOST = 2

/** The one of `names` that is nearest to `written`, ignoring case; null where none is near. */
export function nearestName<Name extends string>(
  written: string,
  names: readonly Name[],
): Name | null {
  const wanted = fold(written)
  let nearest: Name | null = null
  let least = EDITS_AT_MOST + 1
  for (const name of names) {
    const edits = distance(wanted, fold(name))
    if (edits < least) {
      nearest = name
      least = edits
    }
  }
  return nearest
}

function fold(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}

/** The Levenshtein distance: the number of characters to add, remove or replace. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, character] of [...a].entries()) {
    const line = [row + 1]
    for (const [column, other] of [...b].entries()) {
      const replaced = (above[column] ?? 0) + (character === other ? 0 : 1)
      line.push(Math.min(replaced, (above[column + 1] ?? 0) + 1, (line[column] ?? 0) + 1))
    }
    above = line
  }
  return above.at(-1) ?? 0
}
