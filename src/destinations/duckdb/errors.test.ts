import { describe, expect, test } from 'vitest'
import { describeError, PipelineError } from '../../core/errors.ts'
import { isBreaking, translateError } from './errors.ts'

const translate = (message: string) => translateError(new Error(message), 'Doing', { table: 'a.b' })

describe('errors of DuckDB', () => {
  test.each([
    [
      'IO Error: Could not set lock on file "/w.duckdb": Conflicting lock is held in node (PID 41)',
      'destination_locked',
    ],
    ['IO Error: Could not write all bytes to file "/w.duckdb": No space left on device', 'destination_full'],
    ['Out of Memory Error: failed to offload data block of size 256.0 KiB (1.0 GiB/1.0 GiB used).', 'destination_full'],
    ['Out of Memory Error: could not allocate block of size 256.0 KiB', 'destination_memory'],
    ['IO Error: Trying to read a database file with version number 99, but we can only read', 'destination_version'],
    ['IO Error: The file "/w" exists, but it is not a valid DuckDB database file!', 'destination_rejected'],
    ['IO Error: Cannot open file "/w": Permission denied', 'destination_permission'],
    ['TransactionContext Error: Failed to commit: write-write conflict on key', 'destination_conflict'],
    ['FATAL Error: database has been invalidated', 'destination_unreachable'],
    ['Conversion Error: Could not convert', 'destination_rejected'],
  ])('%s', (message, code) => {
    expect(translate(message)).toMatchObject({ code, context: { table: 'a.b' } })
  })

  test('who has the file is told', () => {
    expect(translate('IO Error: Could not set lock on file "x": Conflicting lock (PID 41)').context.pid).toBe(41)
  })

  test.each([
    'Conversion Error: Could not convert string "secret" to INT32',
    'Conversion Error: Malformed JSON at byte 4 of input: unexpected end of data.  Input: "[secret"',
    'Invalid Input Error: Invalid string encoding found in Parquet file "f": value "secret" is not valid UTF8!',
    "Constraint Error: Duplicate key 'id: secret' violates",
    'Conversion Error: timestamp field value out of range: value secret',
  ])('values of rows are not repeated: %s', (message) => {
    expect(describeError(translate(message))).not.toContain('secret')
  })

  test('an error of ours stays as it is', () => {
    const ours = new PipelineError('lease_lost', 'Writing')
    expect(translateError(ours, 'Doing', {})).toBe(ours)
  })

  test('what breaks the instance is seen through our own errors', () => {
    expect(isBreaking(translate('FATAL Error: oops'))).toBe(true)
    expect(isBreaking(translate('Conversion Error: oops'))).toBe(false)
  })
})
