/** The style of the documents, which adds to that of all pages. */

export const DOCUMENT_STYLE = `.docs { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
.docs main { max-width: none; min-width: 0; padding: 2.5rem 0 4rem; }
.contents { display: none; }
@media (min-width: 60rem) {
  .docs { display: grid; grid-template-columns: 14rem minmax(0, 1fr); gap: 4rem; }
  .docs main { max-width: 50rem; }
  .contents { display: block; position: sticky; top: 0; max-height: 100vh; overflow-y: auto; padding: 2.5rem 0 3rem .25rem; font-size: .9375rem; line-height: 1.45; }
  .docs .sections { display: none; }
}
.contents p { margin: 0 0 .4rem; font-size: .8125rem; font-weight: 650; color: var(--soft); text-transform: uppercase; letter-spacing: .05em; }
.contents ul { list-style: none; margin: 0 0 1.75rem; padding: 0; }
.contents a { display: block; padding: .25rem 0; color: var(--text); text-decoration: none; }
.contents a:hover { color: var(--link); text-decoration: underline; }
.contents a[aria-current] { color: var(--link); font-weight: 650; }
.contents ul ul { margin: .15rem 0 .5rem; padding-left: .9rem; border-left: 2px solid var(--line); font-size: .875rem; }
.contents ul ul a { color: var(--soft); font-weight: 400; }
.sections { margin: 0 0 2rem; padding: .6rem 1rem; border: 1px solid var(--line); border-radius: 8px; }
.sections summary { cursor: pointer; font-weight: 600; }
.sections ul { margin: .5rem 0 .25rem; padding-left: 1.2rem; }
.docs h1 + p { font-size: 1.125rem; color: var(--soft); }
h2 { padding-top: 1.5rem; border-top: 1px solid var(--line); }
.anchor { color: var(--soft); font-weight: 400; text-decoration: none; opacity: 0; }
:is(h2, h3, h4, h5):hover .anchor, .anchor:focus { opacity: 1; }
.table { margin: 0 0 1.25rem; overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; font-size: .9375rem; line-height: 1.5; }
th, td { padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: normal; }
th { font-weight: 600; white-space: nowrap; }
td { min-width: 7rem; }
td:last-child { min-width: 14rem; padding-right: 0; }
li { margin: .2rem 0; }
blockquote { margin: 0 0 1rem; padding: .1rem 1rem; border-left: 3px solid var(--line); color: var(--soft); }
.index { margin: 0; }
.index div { margin: 0 0 1.1rem; }
.index dt { font-weight: 600; font-size: 1.0625rem; }
.index dd { margin: 0; color: var(--soft); }
.neighbours { display: flex; justify-content: space-between; gap: 1rem; margin-top: 4rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.neighbours a { text-decoration: none; font-weight: 600; }
.neighbours a:last-child { text-align: right; }
.neighbours small { display: block; color: var(--soft); font-weight: 400; font-size: .875rem; }
.operation { margin: 2.25rem 0 0; padding: 1.25rem 0 0; border-top: 1px dashed var(--line); }
h2 + .operation, h2 + p + .operation { border-top: 0; padding-top: 0; margin-top: 1.5rem; }
.operation h3 { margin-top: 0; }
.route { overflow-wrap: anywhere; }
.route b { color: var(--mark); }
.access { color: var(--soft); }
.note { color: var(--soft); font-size: .875rem; }
.note code { overflow-wrap: anywhere; }
`
