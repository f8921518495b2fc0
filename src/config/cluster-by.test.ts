import { expect, test } from 'vitest'
import { clusterProblems } from './cluster-by.ts'

test('clustering is refused where the destination has none', () => {
  const sources = { shop: { tables: [{}, { cluster_by: ['day'] }] }, other: {} }
  expect(clusterProblems({ sources }, 'snowflake', ['snowflake'])).toEqual([])
  expect(clusterProblems({ sources }, 'duckdb', ['snowflake'])).toEqual([
    {
      path: ['sources', 'shop', 'tables', 1, 'cluster_by'],
      message: 'must be left out: duckdb does not cluster tables',
    },
  ])
})
