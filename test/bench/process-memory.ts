/** Reads a Linux process's memory from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Memory {
  /** Bytes resident now. */
  resident: number
  /** Bytes resident at most since the process started, as the kernel counted them. */
  peak: number
  /** Bytes resident now that no file backs: heap, stacks, buffers. */
  anonymous: number
}

/** @throws {Error} when the process is gone */
export function memoryOf(pid: number): Memory {
  const status = statusOf(pid)
  return {
    resident: kibibytes(status, 'VmRSS'),
    peak: kibibytes(status, 'VmHWM'),
    anonymous: kibibytes(status, 'RssAnon'),
  }
}

/**
 * The workerd that a process started.
 * @throws {Error} when there is none, or more than one
 */
export function findWorkerd(parent: number): number {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const status = statusOf(pid)
        return field(status, 'Name') === 'workerd' && field(status, 'PPid') === String(parent)
      } catch {
        return false // ended since the listing
      }
    })
  const [pid, ...others] = children
  if (pid === undefined || others.length > 0)
    throw new Error(`process ${parent} has ${children.length} workerd children`)
  return pid
}

function statusOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8')
}

function field(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1]
}

function kibibytes(status: string, name: string): number {
  return Number(field(status, name) ?? 0) * 1024
}
