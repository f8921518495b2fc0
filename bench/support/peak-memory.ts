import { existsSync, readFileSync } from 'node:fs'

const STATUS = '/proc/self/status'

/**
 * The largest resident set that this process had, in MiB: native memory and worker threads included. On Linux from the
 * kernel's high-water mark of this program; `maxRSS` would there begin with that of whoever started it.
 */
export function peakRssMiB(): number {
  if (!existsSync(STATUS)) return process.resourceUsage().maxRSS / 1024
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8'))?.[1]
  return Number(kibibytes) / 1024
}
