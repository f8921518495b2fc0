import { expect, test } from 'vitest'
import { splitStatements } from './statement-split.ts'

test('semicolons within strings, names, comments and dollar quotes do not divide', () => {
  const text = `SELECT 'a;b''c\\';' ; -- one; two
    SELECT ";" /* ; */, $$;$$;
    ;
    PUT file:///tmp/a.csv @s; // end;
    `
  expect(splitStatements(text)).toEqual([
    `SELECT 'a;b''c\\';'`,
    `-- one; two\n    SELECT ";" /* ; */, $$;$$`,
    'PUT file:///tmp/a.csv @s',
  ])
})

test('a text without a statement has none', () => {
  expect(splitStatements(' ; -- nothing')).toEqual([])
})
