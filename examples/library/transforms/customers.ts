import { createHash } from 'node:crypto'
import { defineTransform } from 'simplyload'

/** Addresses leave the database as hashes only, and test customers not at all. */
export default defineTransform({
  reads: ['email', 'is_test'],
  drops: ['email', 'is_test'],
  writes: { email_hash: 'text' },
  row({ email, is_test }) {
    if (is_test === true) return null
    return { email_hash: typeof email === 'string' ? createHash('sha256').update(email).digest('hex') : null }
  },
})
