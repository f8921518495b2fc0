import { expect, it } from 'vitest'
import { refusal, SAMPLE } from '../../test/support/config-sample.ts'

/** Each: what is wrong, the file, the lines of the error. */
const cases: [string, string, string[]][] = [
  ['an empty file', '', ['simplyload.yaml:1:1: the file is empty; `simplyload init` writes one']],
  ['only comments', '# later\n', ['simplyload.yaml:1:1: the file is empty; `simplyload init` writes one']],
  ['a list', '- a\n', ['simplyload.yaml:1:1: must be a mapping: `version: 1` and so on']],
  ['text', 'version\n', ['simplyload.yaml:1:1: must be a mapping: `version: 1` and so on']],
  [
    'only the version',
    'version: 1\n',
    [
      'simplyload.yaml:1:1: sources: is missing; it must be a mapping (key: value)',
      'simplyload.yaml:1:1: destination: is missing; it must be a mapping (key: value)',
    ],
  ],
  [
    'a later version',
    SAMPLE.replace('version: 1', 'version: 2'),
    ['simplyload.yaml:1:10: version: must be 1, the version of this form of the file (found 2)'],
  ],
  [
    'no version',
    SAMPLE.replace('version: 1\n', ''),
    ['simplyload.yaml:1:1: version: is missing; it must be 1, the version of this form of the file'],
  ],
  [
    'misspelt keys on every level',
    SAMPLE.replace('destination', 'desination')
      .replace('tables', 'tabels')
      .replace('type: wells', 'type: wells\n    uri: x'),
    [
      'simplyload.yaml:1:1: destination: is missing; it must be a mapping (key: value)',
      'simplyload.yaml:3:3: sources.shop.tables: is missing; it must be a list',
      'simplyload.yaml:5:5: sources.shop: unknown key uri, did you mean url?',
      'simplyload.yaml:7:5: sources.shop: unknown key tabels, did you mean tables?',
      'simplyload.yaml:8:1: unknown key desination, did you mean destination?',
    ],
  ],
  [
    'keys near to none',
    `${SAMPLE}sync: { colour: blue, batch: { x: 1 } }\n`,
    [
      'simplyload.yaml:8:9: sync: unknown key colour, known here: interval, freshness, batch, parallelism, memory',
      'simplyload.yaml:8:32: sync.batch: unknown key x, known here: rows, bytes',
    ],
  ],
  [
    'wrong connectors',
    SAMPLE.replace('type: wells', 'type: well').replace('type: tank', 'type: snowflake'),
    [
      'simplyload.yaml:4:11: sources.shop.type: must be one of wells, rivers (found "well"), did you mean wells?',
      'simplyload.yaml:7:22: destination.type: must be one of tank, lake (found "snowflake")',
    ],
  ],
  [
    'connectors without a type',
    SAMPLE.replace('    type: wells\n', '').replace('type: tank, ', ''),
    [
      'simplyload.yaml:3:3: sources.shop.type: is missing; it must be one of wells, rivers',
      'simplyload.yaml:6:1: destination.type: is missing; it must be one of tank, lake',
    ],
  ],
  [
    'a misspelt type',
    SAMPLE.replace('    type: wells', '    typ: wells'),
    ['simplyload.yaml:3:3: sources.shop.type: is missing; it must be one of wells, rivers (is typ meant to be type?)'],
  ],
  [
    'values of wrong kinds, in all places at once',
    `version: 1
sources:
  shop:
    type: wells
    url: [a]
    mode: cdcc
    depth: 101
    tables:
      - name: public.a
        hardDelete: yes
      - 17
      - [x]
      -
    lids: { big: maybe }
destination: tank
stage: { type: pipe, path: 3 }
sync: { interval: 3, freshness: soon, batch: { rows: many, bytes: 10 }, parallelism: 1.5, memory: lots }
naming: "{sorce}.{table}"
columns: { synced: at, deleted: AT }
customer: Acme Inc
`,
    [
      'simplyload.yaml:5:10: sources.shop.url: must be text (found a list)',
      'simplyload.yaml:6:11: sources.shop.mode: must be one of auto, cdc (found "cdcc"), did you mean cdc?',
      'simplyload.yaml:7:12: sources.shop.depth: must be at most 100 (found 101)',
      'simplyload.yaml:10:9: sources.shop.tables[0]: unknown key hardDelete, did you mean hard_delete?',
      'simplyload.yaml:11:9: sources.shop.tables[1]: must be text, or a mapping (key: value) (found 17)',
      'simplyload.yaml:12:9: sources.shop.tables[2]: must be text, or a mapping (key: value) (found a list)',
      'simplyload.yaml:13:8: sources.shop.tables[3]: must be text, or a mapping (key: value) (found nothing)',
      'simplyload.yaml:14:18: sources.shop.lids.big: must be true or false (found "maybe")',
      'simplyload.yaml:15:14: destination: must be a mapping (key: value) (found "tank")',
      'simplyload.yaml:16:28: stage.path: must be text (found 3)',
      'simplyload.yaml:17:19: sync.interval: must be a duration such as 200ms, 10s, 5m, 1h or 7d (found 3)',
      'simplyload.yaml:17:33: sync.freshness: must be a duration such as 200ms, 10s, 5m, 1h or 7d (found "soon")',
      'simplyload.yaml:17:54: sync.batch.rows: must be a number (found "many")',
      'simplyload.yaml:17:67: sync.batch.bytes: must be at least 1MiB (found 10)',
      'simplyload.yaml:17:86: sync.parallelism: must be a whole number (found 1.5)',
      'simplyload.yaml:17:99: sync.memory: must be a size such as 64MiB, 512MB or a number of bytes (found "lots")',
      'simplyload.yaml:18:9: naming: has the unknown placeholder {sorce}, did you mean {source}? (known: {source}, {namespace}, {table}) (found "{sorce}.{table}")',
      'simplyload.yaml:19:10: columns: must be two names that differ from each other and from _source_position, also in lower case',
      'simplyload.yaml:20:11: customer: must consist of lower-case letters, digits, _ and -, at most 63 (found "Acme Inc")',
    ],
  ],
  [
    'empty texts and lists',
    SAMPLE.replace('http://well', '""').replace('[public.orders]', '[]'),
    [
      'simplyload.yaml:5:10: sources.shop.url: must not be empty (found a value that is not shown)',
      'simplyload.yaml:6:13: sources.shop.tables: must have at least 1 entry',
    ],
  ],
  [
    'names of sources that cannot be parts of other names',
    SAMPLE.replace('shop:', 'Shop-1:'),
    [
      'simplyload.yaml:3:3: sources.Shop-1: must consist of lower-case letters, digits and _, beginning with a letter, at most 40',
    ],
  ],
  [
    'no sources',
    SAMPLE.replace(/sources:\n( .*\n)+/, 'sources: {}\n'),
    ['simplyload.yaml:2:10: sources: must name at least one source'],
  ],
  [
    'a key given twice',
    `${SAMPLE}sync: { interval: 1s }\ncustomer: a\nsync: { interval: 2s }\n`,
    ['simplyload.yaml:10:1: this key was given before in the same mapping'],
  ],
  [
    'a tab',
    'version: 1\nsources:\n\tshop:\n',
    ['simplyload.yaml:3:1: YAML does not take tabs for indentation: use spaces'],
  ],
  [
    'a variable in braces',
    SAMPLE.replace('tank.file', '${PATH}'),
    [
      'simplyload.yaml:7:35: this is not YAML: Unexpected flow-map-start at node end. Between { } or [ ], put values with ${…} in quotes',
    ],
  ],
  [
    'a value that begins with an asterisk',
    SAMPLE.replace('http://well', '*secret'),
    [
      'simplyload.yaml:3:3: sources.shop.url: is missing; it must be text',
      'simplyload.yaml:5:10: sources.shop.url: a value that begins with * is a reference in YAML: put it in quotes if it is text',
    ],
  ],
  [
    'a value that begins with an exclamation mark',
    SAMPLE.replace('http://well', '!secret'),
    [
      'simplyload.yaml:5:10: a value that begins with ! is a tag in YAML: put it in quotes if it is text',
      'simplyload.yaml:5:17: sources.shop.url: must not be empty (found a value that is not shown)',
    ],
  ],
  [
    'two documents',
    `${SAMPLE}---\nversion: 1\n`,
    ['simplyload.yaml:8:1: the file must have one document: remove the line with ---'],
  ],
  [
    'aliases without end',
    `${SAMPLE}sync: &a { batch: *a }\n`,
    [
      'simplyload.yaml:8:12: sync.batch: unknown key batch, known here: rows, bytes',
      'simplyload.yaml:8:12: the file has more values, or deeper ones, than a configuration can have',
    ],
  ],
  [
    'text that opens a variable and does not close it',
    SAMPLE.replace('http://well', '${WELL').replace('tank.file', '"${9}"'),
    [
      'simplyload.yaml:5:10: sources.shop.url: has ${ that does not begin ${VARIABLE} or ${VARIABLE:-default}; write $${ for the characters themselves',
      'simplyload.yaml:7:34: destination.path: has ${ that does not begin ${VARIABLE} or ${VARIABLE:-default}; write $${ for the characters themselves',
    ],
  ],
]

it.each(cases)('%s is refused with every place and what is expected there', async (_, text, lines) => {
  const { error, message } = await refusal(text)
  expect(message.split('\n').toSorted()).toEqual(lines.toSorted())
  expect(error).toMatchObject({ code: 'config_invalid', context: { problems: lines.length } })
})

it('problems come in the order of the file', async () => {
  const text = SAMPLE.replace('type: tank', 'type: lake').replace('url', 'uri')
  const places = (await refusal(text)).message.split('\n').map((line) => line.split(':')[1])
  expect(places).toEqual(places.toSorted())
})

it('missing variables are named all at once, with how to set them', async () => {
  const text = SAMPLE.replace('http://well', '${WELL_URL}').replace('tank.file', '"${HOME_OF_TANK}/x"')
  const { error, message, hint } = await refusal(text)
  expect(message.split('\n')).toEqual([
    'simplyload.yaml:5:10: sources.shop.url: the environment variable WELL_URL is not set',
    'simplyload.yaml:7:34: destination.path: the environment variable HOME_OF_TANK is not set',
  ])
  expect(error).toMatchObject({ code: 'config_missing_variable', context: { variable: 'WELL_URL' } })
  expect(hint).toBe(
    'Set WELL_URL, HOME_OF_TANK in the environment (export WELL_URL=…), or in a file .env beside simplyload.yaml, or give defaults: ${WELL_URL:-value}',
  )
})

it('a missing variable beside another problem is one of several', async () => {
  const text = SAMPLE.replace('http://well', '${WELL_URL}').replace('type: tank', 'type: tankk')
  const { error, message } = await refusal(text)
  expect(error.code).toBe('config_invalid')
  expect(message.split('\n')).toEqual([
    'simplyload.yaml:5:10: sources.shop.url: the environment variable WELL_URL is not set',
    'simplyload.yaml:7:22: destination.type: must be one of tank, lake (found "tankk"), did you mean tank?',
  ])
})

it('no secret is ever shown: neither what came from the environment nor what stands at the key of one', async () => {
  const secret = 'hunter2'
  const environment = {
    SECRET: secret,
    SIMPLYLOAD_SOURCES__SHOP__DEPTH: secret,
    SIMPLYLOAD_SYNC: `{ interval: ${secret} }`,
  }
  const texts = [
    SAMPLE.replace('url: http://well', `url: [${secret}]`),
    SAMPLE.replace('http://well', `http://well\n    password: [${secret}]\n    passwort: ${secret}`),
    SAMPLE.replace('http://well', `http://well\n    password: { a: ${secret} }`),
    SAMPLE.replace('http://well', 'http://well\n    mode: ${SECRET}\n    depth: ${SECRET}'),
    SAMPLE.replace('[public.orders]', '"${SECRET}"'),
    SAMPLE.replace('http://well', `"${secret}\n    tables: [x]\n`),
    SAMPLE.replace('http://well', `*${secret}`),
    SAMPLE.replace('http://well', `!${secret}`),
    SAMPLE.replace('http://well', `&${secret} a: b: c`),
    SAMPLE.replace('http://well', `{ ${secret}`),
    SAMPLE.replace('http://well', `\`${secret}`),
    SAMPLE.replace('http://well', `@${secret}`),
    SAMPLE.replace('http://well', `%${secret} | ${secret}`),
    SAMPLE.replace('http://well', `| ${secret}`),
  ]
  for (const text of texts) {
    const { error, message, hint } = await refusal(text, { environment })
    expect(message).not.toContain(secret)
    expect(hint).not.toContain(secret)
    expect(JSON.stringify(error.context)).not.toContain(secret)
    expect(String((error.cause as AggregateError).errors)).not.toContain(secret)
  }
})
