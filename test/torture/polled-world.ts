/**
 * Cursors for tables that are polled: of some of them, by an index or without one, as transactions begin or as statements
 * run, and now and then NULL. Their changes are told to nobody: deleted rows and changed keys are found by comparing keys.
 */
import type { Random } from './random.ts'
import { MONEY_TABLES, qualified, WORLD } from './world.ts'

const CURSOR = 'updated_at'

export function cursorSql(random: Random): readonly string[] {
  const money = MONEY_TABLES.map((name) => `public.${name}`)
  const keyed = WORLD.filter((table) => table.key.kind !== 'none').map(qualified)
  return [
    `CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.${CURSOR} := CASE WHEN random() < 0.97 THEN now() END; RETURN NEW; END $$`,
    `CREATE FUNCTION note_statement() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.${CURSOR} := clock_timestamp(); RETURN NEW; END $$`,
    ...[...keyed, ...money].flatMap((table) => (random.chance(0.75) ? withCursor(random, table) : [])),
  ]
}

function withCursor(random: Random, table: string): readonly string[] {
  const note = random.pick(['note_transaction', 'note_statement'] as const)
  const index = random.chance(0.8) ? [`CREATE INDEX ON ${table} (${CURSOR})`] : []
  return [
    `ALTER TABLE ${table} ADD COLUMN ${CURSOR} timestamptz`,
    `CREATE TRIGGER note BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${note}()`,
    ...index,
  ]
}
