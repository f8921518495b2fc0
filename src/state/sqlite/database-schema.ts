/** The tables of a state file. Documents that only this program reads are JSON; what is searched by is a column. */
import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'

const VERSION = 1

const TABLES = `
  CREATE TABLE sources (source TEXT PRIMARY KEY, document TEXT NOT NULL, staged_through TEXT NOT NULL, pruned_through TEXT) STRICT;
  CREATE TABLE tables (
    source TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (source, namespace, name)
  ) STRICT;
  CREATE TABLE chunks (
    source TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, chunk INTEGER NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (source, namespace, name, chunk)
  ) STRICT;
  CREATE TABLE schemas (id INTEGER PRIMARY KEY, document TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE ledger (
    number INTEGER PRIMARY KEY, batch_id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    kind TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL, row_count INTEGER NOT NULL,
    first_position TEXT NOT NULL, last_position TEXT NOT NULL,
    schema_id INTEGER NOT NULL REFERENCES schemas, features TEXT NOT NULL, staged_ms INTEGER NOT NULL, loaded_ms INTEGER
  ) STRICT;
  CREATE INDEX ledger_waiting ON ledger (source, namespace, name, number) WHERE loaded_ms IS NULL;
  CREATE INDEX ledger_loaded ON ledger (loaded_ms) WHERE loaded_ms IS NOT NULL;
  CREATE INDEX ledger_table ON ledger (source, namespace, name, last_position);
  CREATE TABLE runs (source TEXT NOT NULL, id TEXT NOT NULL, started_ms INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (source, id)) STRICT;
  CREATE TABLE errors (number INTEGER PRIMARY KEY, source TEXT NOT NULL, document TEXT NOT NULL) STRICT;
  CREATE INDEX errors_source ON errors (source, number);
  CREATE TABLE holder (one INTEGER PRIMARY KEY CHECK (one = 1), pid TEXT NOT NULL) STRICT;
`

/** Makes the tables in an empty file. Throws `state_version` for a file that a newer version has written. */
export function prepareDatabase(database: DatabaseSync, path: string, mayWrite: boolean): void {
  const found = database.prepare('PRAGMA user_version').get()?.user_version
  if (found === VERSION) return
  if (found !== 0) {
    throw new PipelineError('state_version', `Opening the state ${path}`, {
      cause: new Error(`it has format ${found}; this version knows ${VERSION}`),
      hint: 'Use the newer version of SimplyLoad that wrote it, or another state.path',
      context: { path },
    })
  }
  if (!mayWrite) return
  database.exec(`BEGIN IMMEDIATE; ${TABLES} PRAGMA user_version = ${VERSION}; COMMIT`)
}
