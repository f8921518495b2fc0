/**
 * What a destination can hold where the type of a column allows more. A source puts every other value into quarantine, so
 * that none of them gets there as another value, or stops its table.
 */
export interface ValueLimits {
  /** Of dates and timestamps (in UTC): whole years, both included; year 0 is 1 BC. */
  readonly firstYear: number
  readonly lastYear: number
  /** Times of day may be 24:00:00. */
  readonly hasEndOfDay: boolean
  /** Of text in UTF-8, that of JSON too. */
  readonly textBytes: number
  readonly binaryBytes: number
  /** Digits of a number in JSON. */
  readonly jsonDigits: number
}
