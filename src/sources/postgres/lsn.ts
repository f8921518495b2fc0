/** Log sequence numbers: `16/B374D848` for people and SQL, a 64-bit number for us. */

const PATTERN = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/

/** Throws RangeError for anything but the text form of `pg_lsn`. */
export function parseLsn(text: string): bigint {
  const match = PATTERN.exec(text)
  if (match === null) throw new RangeError(`"${text}" is not a log sequence number`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}
