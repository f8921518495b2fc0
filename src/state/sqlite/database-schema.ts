/** The tables of a state file. Documents that only this program reads are JSON; what is searched by is a column. */
import type { DatabaseSync } from 'node:sqlite'
import { PipelineError } from '../../core/errors.ts'

const VERSION = 1

/** In the header of the file, so that the database of another program is not taken for ours: `SLst`. */
const APPLICATION_ID = 0x534c7374

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
  CREATE TABLE tokens (
    source TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (source, namespace, name)
  ) STRICT;
  CREATE TABLE schemas (id INTEGER PRIMARY KEY, document TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE ledger (
    number INTEGER PRIMARY KEY AUTOINCREMENT, batch_id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    kind TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL, checksum TEXT, row_count INTEGER NOT NULL,
    first_position TEXT NOT NULL, last_position TEXT NOT NULL,
    schema_id INTEGER NOT NULL REFERENCES schemas, features TEXT NOT NULL, staged_ms INTEGER NOT NULL, loaded_ms INTEGER
  ) STRICT;
  CREATE INDEX ledger_waiting ON ledger (source, number) WHERE loaded_ms IS NULL;
  CREATE INDEX ledger_waiting_table ON ledger (source, namespace, name, number) WHERE loaded_ms IS NULL;
  CREATE INDEX ledger_loaded ON ledger (loaded_ms, number) WHERE loaded_ms IS NOT NULL;
  CREATE INDEX ledger_position ON ledger (source, namespace, name, last_position);
  CREATE INDEX ledger_schema ON ledger (schema_id);
  CREATE TABLE runs (
    number INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (source, id)
  ) STRICT;
  CREATE INDEX runs_source ON runs (source, number);
  CREATE TABLE errors (number INTEGER PRIMARY KEY, source TEXT NOT NULL, document TEXT NOT NULL) STRICT;
  CREATE INDEX errors_source ON errors (source, number);
  CREATE TABLE requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, open INTEGER NOT NULL,
    request TEXT NOT NULL, answer TEXT
  ) STRICT;
  CREATE INDEX requests_source ON requests (source, open, number);
  CREATE TABLE holder (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL) STRICT;
`

/**
 * Makes the tables in an empty file. Throws `state_version` for a file that a newer version has written and
 * `state_unavailable` for the database of another program. False: the file is empty and may not be written.
 */
export function prepareDatabase(database: DatabaseSync, path: string, mayWrite: boolean): boolean {
  const version = pragma(database, 'user_version')
  const ours = pragma(database, 'application_id') === APPLICATION_ID
  const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_master').get() ?? {}
  if (!ours && count !== 0) {
    throw new PipelineError('state_unavailable', `Opening the state ${path}`, {
      cause: new Error('it is a database of another program'),
      hint: 'Set state.path to a file of its own',
      context: { path },
    })
  }
  if (count === 0) {
    if (mayWrite) createTables(database)
    return mayWrite
  }
  if (version !== VERSION) {
    throw new PipelineError('state_version', `Opening the state ${path}`, {
      cause: new Error(`it has format ${version}; this version knows ${VERSION}`),
      hint: 'Use the newer version of SimplyLoad that wrote it, or another state.path',
      context: { path, format: version, known: VERSION },
    })
  }
  return true
}

/** A command and a sync may come to an empty file at the same time. */
function createTables(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE')
  const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_master').get() ?? {}
  if (count === 0)
    database.exec(`${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION};`)
  database.exec('COMMIT')
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}
