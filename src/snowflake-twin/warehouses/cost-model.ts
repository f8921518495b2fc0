/**
 * What statements take on a warehouse, as a written model, so that costs can be computed with a simulated clock. The figures are round
 * ones for an X-Small: a statement that does nothing takes a fifth of a second; the rest is bytes, compressed as Snowflake stores
 * them. A warehouse of the next size has twice the throughput at twice the rate. They are no measurements of Snowflake; they make
 * plans comparable with each other.
 */

/** Each statement that needs a warehouse, whatever it does. */
export const STATEMENT_MS = 200
/** Each file that a COPY opens. */
export const FILE_MS = 20
export const SCANNED_BYTES_PER_SECOND = 100 << 20
export const WRITTEN_BYTES_PER_SECOND = 25 << 20
/** Compiling, SHOW, DESCRIBE, transactions: credits of the cloud services layer for each statement. */
export const CLOUD_SERVICES_CREDITS = 0.00002
/** https://docs.snowflake.com/en/user-guide/cost-understanding-compute: by the second, but a minute at each resume. */
export const BILLED_MS_MIN = 60_000

export interface Workload {
  readonly bytesScanned: number
  readonly bytesWritten: number
  readonly files: number
}

/** The part of a statement that statements side by side do not share, and the part that they take turns with. */
export function modelledMs(
  workload: Workload,
  size: string,
): { readonly fixedMs: number; readonly throughputMs: number } {
  const power = relativePower(size)
  const throughputMs =
    (workload.bytesScanned / SCANNED_BYTES_PER_SECOND + workload.bytesWritten / WRITTEN_BYTES_PER_SECOND) * 1000
  return { fixedMs: STATEMENT_MS + workload.files * FILE_MS, throughputMs: throughputMs / power }
}

const SIZES: readonly (readonly [string, string])[] = [
  ['XSMALL', 'X-Small'],
  ['SMALL', 'Small'],
  ['MEDIUM', 'Medium'],
  ['LARGE', 'Large'],
  ['XLARGE', 'X-Large'],
  ['XXLARGE', '2X-Large'],
  ['XXXLARGE', '3X-Large'],
  ['X4LARGE', '4X-Large'],
  ['X5LARGE', '5X-Large'],
  ['X6LARGE', '6X-Large'],
]

/** `XSMALL` of `X-Small`, `xsmall`, `XSMALL`; undefined for what is no size. */
export function warehouseSize(text: string): string | undefined {
  const plain = text
    .toUpperCase()
    .replaceAll('-', '')
    .replace(/^X2LARGE$|^2XLARGE$/, 'XXLARGE')
  const wanted = plain.replace(/^X3LARGE$|^3XLARGE$/, 'XXXLARGE').replace(/^([456])XLARGE$/, 'X$1LARGE')
  return SIZES.find(([name]) => name === wanted)?.[0]
}

/** As SHOW WAREHOUSES writes it: `X-Small`. */
export function shownSize(size: string): string {
  return SIZES.find(([name]) => name === size)?.[1] ?? size
}

/** Credits per hour; generation 2 costs more on AWS. https://docs.snowflake.com/en/user-guide/warehouses-gen2 */
export function creditsPerHour(size: string, isSecondGeneration: boolean): number {
  return relativePower(size) * (isSecondGeneration ? 1.35 : 1)
}

function relativePower(size: string): number {
  return (
    2 **
    Math.max(
      0,
      SIZES.findIndex(([name]) => name === size),
    )
  )
}

/** Compressed bytes of a value, by type: what a table without files of its own is taken to weigh. */
export function valueBytes(kind: string): number {
  switch (kind) {
    case 'BOOLEAN':
      return 1
    case 'NUMBER':
    case 'DATE':
      return 4
    case 'FLOAT':
    case 'TIME':
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return 6
    case 'VARIANT':
    case 'OBJECT':
    case 'ARRAY':
      return 32
    default:
      return 12
  }
}
