import { expect, test } from 'vitest'
import { matchPattern, parsePattern, patternProblem } from './file-pattern.ts'

const DAY_MS = 86_400_000
const dayText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10)

function periodOf(pattern: string, path: string) {
  const match = matchPattern(parsePattern(pattern), path)
  const period = match?.period
  return period === undefined ? match?.problem : `${period.name}: ${dayText(period.from)} to ${dayText(period.through)}`
}

test.each([
  ['sales_{yyyy}-{mm}.tsv.gz', 'sales_2024-02.tsv.gz', '2024-02: 2024-02-01 to 2024-02-29'],
  ['sales_{yyyy}-{mm}.tsv.gz', 'sales_2023-02.tsv.gz', '2023-02: 2023-02-01 to 2023-02-28'],
  ['{yyyy}{mm}{dd}.csv', '20241231.csv', '2024-12-31: 2024-12-31 to 2024-12-31'],
  ['q/{yyyy}Q{q}.csv', 'q/2024Q4.csv', '2024-Q4: 2024-10-01 to 2024-12-31'],
  ['{yyyy}/all.parquet', '1999/all.parquet', '1999: 1999-01-01 to 1999-12-31'],
  ['{yyyy}/{mm}/s_{yyyy}{mm}.csv', '2024/03/s_202403.csv', '2024-03: 2024-03-01 to 2024-03-31'],
  ['./data//s_{yyyy}.csv', 'data/s_2024.csv', '2024: 2024-01-01 to 2024-12-31'],
  ['s_{yyyy}-{mm}.csv', 's_2024-13.csv', 'there is no month 13'],
  ['s_{yyyy}-{mm}.csv', 's_2024-00.csv', 'there is no month 0'],
  ['{yyyy}-{mm}-{dd}.csv', '2023-02-29.csv', 'there is no day 29 in 2023-02'],
  ['{yyyy}Q{q}.csv', '2024Q5.csv', 'there is no quarter 5'],
  ['{yyyy}.csv', '0000.csv', 'there is no year 0'],
])('%s gives %s the period %s', (pattern, path, expected) => {
  expect(periodOf(pattern, path)).toBe(expected)
})

test.each([
  ['data/*.csv', 'data/a.csv', true],
  ['data/*.csv', 'data/.a.csv', false],
  ['data/*.csv', 'data/sub/a.csv', false],
  ['data/**/*.csv', 'data/a.csv', true],
  ['data/**/*.csv', 'data/x/y/a.csv', true],
  ['data/**/*.csv', 'data/.hidden/a.csv', false],
  ['a?.csv', 'ab.csv', true],
  ['a.csv', 'aXcsv', false],
  ['a+(b).csv', 'a+(b).csv', true],
  ['{yyyy}/s_{yyyy}.csv', '2024/s_2023.csv', false],
  ['s_{yyyy}.csv', 's_24.csv', false],
  ['s_{yyyy}.csv', 's_2024.csv.tmp', false],
  ['/data/s_*.csv', '/data/s_1.csv', true],
  ['Maße_{yyyy}.csv', 'Maße_2024.csv', true],
])('%s takes %s: %s', (pattern, path, taken) => {
  expect(matchPattern(parsePattern(pattern), path) !== undefined).toBe(taken)
})

test('partitions and other names are told', () => {
  const pattern = parsePattern('data/region={region}/sales_{yyyy}-{mm}_{batch}.csv')
  const match = matchPattern(pattern, 'data/region=north/sales_2024-01_b7.csv')
  expect({ ...match?.parts }).toEqual({ region: 'north', batch: 'b7' })
  expect(pattern.root).toBe('data')
  expect(parsePattern('*.csv').root).toBe('.')
  expect(parsePattern('/*.csv').root).toBe('/')
})

test.each([
  ['sales_{yyyy-mm}.csv', 'not {yyyy-mm}'],
  ['sales_{yy}.csv', 'not {yy}'],
  ['sales_{YYYY}.csv', 'did you mean {yyyy}?'],
  ['sales_{mm}.csv', 'must have {yyyy}'],
  ['sales_{yyyy}{dd}.csv', 'must have {mm}'],
  ['sales_{yyyy}{mm}{q}.csv', 'not both'],
  ['sales_{yyyy.csv', 'a } for each {'],
  ['data/', 'not a folder'],
  ['data\\a.csv', 'must have /'],
  ['data/**.csv', 'a folder of its own'],
  ['data/**', 'must end in a name'],
])('%s is refused: %s', (pattern, message) => {
  expect(patternProblem(pattern)).toContain(message)
})

test('ordinary paths are not refused', () => {
  for (const path of ['a.csv', '../in/{yyyy}/{mm}/{dd}/x_*.parquet', 'data/**/{region}.tsv', '/a/b c.csv'])
    expect(patternProblem(path)).toBeUndefined()
})
