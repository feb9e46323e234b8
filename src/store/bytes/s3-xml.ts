/**
 * Reads the XML of S3's answers. They are flat: elements without attributes, with text or elements of other names inside. So a scan
 * for tags is enough, and nothing is expanded but the five entities of XML and numeric ones.
 */

/** The insides of all elements with this name. */
export function elementsOf(xml: string, name: string): string[] {
  const found: string[] = []
  const [open, close] = [`<${name}>`, `</${name}>`]
  for (let at = xml.indexOf(open); at >= 0; at = xml.indexOf(open, at)) {
    const end = xml.indexOf(close, at)
    if (end < 0) break
    found.push(xml.slice(at + open.length, end))
    at = end
  }
  return found
}

/** The text of the first element with this name; empty if there is none. */
export function textOf(xml: string, name: string): string {
  const [inside = ''] = elementsOf(xml, name)
  return unescapeXml(inside)
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w{2,4}));/g,
    (all, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES[name] ?? all
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : all
    },
  )
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
