import { resolve } from 'node:path'

/** The folder of the project: the clone. */
export const ROOT = resolve(import.meta.dirname, '../..')
