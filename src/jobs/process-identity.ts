/** Which process a number stands for: numbers are given out again, the moment of a start is not. */
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in clock ticks of one boot of this machine. Undefined where the system does not tell (not Linux). */
  readonly start: string | undefined
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, start: startOf(pid) }
}

/**
 * True only where it is certain that this very process still is. Where the system tells no start times, a number proves
 * nothing, so this is false.
 */
export function isSameProcess({ pid, start }: ProcessIdentity): boolean {
  return start !== undefined && startOf(pid) === start
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: field 22; the name, field 2, may hold blanks and parentheses. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A process that ended and was not reaped yet has a number still, and does nothing.
    if (state === 'Z' || state === 'X') return undefined
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
    return `${boot}:${fields[18]}`
  } catch {
    return undefined // gone, or no Linux: both mean that nothing is known
  }
}
