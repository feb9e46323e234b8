/** The style of all pages. The documents add their own: src/docs/site/style.ts. */

export const STYLE = `:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f4f7f9; --line: #dbe2e8; --text: #1b2733; --soft: #51606e; --link: #075985; --mark: #0e7490;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #10161c; --panel: #19222b; --line: #2c3945; --text: #dfe7ee; --soft: #9fb0bf; --link: #7cc4f2; --mark: #56c2d6; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1.5rem; }
body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.65 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
.top { border-bottom: 1px solid var(--line); }
.top div { display: flex; align-items: center; justify-content: space-between; flex-wrap: wrap; gap: .25rem 1.5rem; max-width: 76rem; margin: 0 auto; padding: .75rem 1.25rem; }
.top nav { display: flex; gap: 1.5rem; }
.top a { color: var(--soft); text-decoration: none; padding: .25rem 0; }
.top .brand { display: flex; align-items: center; gap: .6rem; color: var(--text); font-weight: 650; font-size: 1.125rem; letter-spacing: -.01em; }
.top a:hover { color: var(--link); text-decoration: underline; }
.brand svg { width: 1.6rem; height: 1.6rem; fill: var(--mark); }
main { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2, h3, h4 { line-height: 1.25; letter-spacing: -.015em; font-weight: 650; }
h1 { font-size: clamp(1.75rem, 1.4rem + 1.6vw, 2.25rem); margin: 0 0 1rem; }
h2 { font-size: 1.375rem; margin: 2.75rem 0 .75rem; }
h3 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
h4 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p, ul, ol { margin: 0 0 1rem; }
ul, ol { padding-left: 1.5rem; }
a { color: var(--link); text-underline-offset: .18em; text-decoration-thickness: 1px; }
a:focus-visible, [tabindex]:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.lead { font-size: 1.125rem; color: var(--soft); }
.lead b { color: var(--text); font-weight: 600; overflow-wrap: anywhere; }
.reason::first-letter { text-transform: uppercase; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .875em; background: var(--panel); border-radius: 4px; padding: .12em .35em; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
pre { margin: 0 0 1rem; padding: .85rem 1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; font-size: .875rem; line-height: 1.6; }
pre code { font-size: inherit; background: none; padding: 0; }
.steps { list-style: none; padding: 0; margin: 0 0 1.5rem; }
.steps p { text-wrap: pretty; }
.steps p { margin: 1.25rem 0 .4rem; }
.steps pre { margin: 0; }
.steps code { user-select: all; white-space: pre-wrap; overflow-wrap: anywhere; }
`
