/**
 * Old schema + relation message + catalog → what the rows that follow look like, and what changed.
 *
 * The schema follows the messages: it is the one of the rows, also where the catalog is further already. Pure, because
 * each of the many sequences of DDL that lead here deserves a line in a test.
 */
import { columnTypeOf, type PostgresType } from '../../columnar/postgres-type.ts'
import type { WireColumn } from '../../columnar/wire-column.ts'
import { PipelineError } from '../../core/errors.ts'
import { shellWord } from '../../core/shell-word.ts'
import type { TableRequest } from '../../core/source.ts'
import { type Column, type ColumnType, columnById, type TableSchema, tableName } from '../../core/table-schema.ts'
import { type AlignedColumn, type Attribute, alignColumns } from './column-alignment.ts'
import type { RelationColumn, RelationMessage } from './pgoutput.ts'
import { parseFingerprint, type StorageFingerprint, writtenSince } from './storage-fingerprint.ts'

/** What the catalog says about an attribute beyond `Attribute`. */
export interface AttributeDetail {
  readonly nullable: boolean
  readonly missingValue: string | undefined
  /** Partitions fill it with different values. */
  readonly missingValueDiffers: boolean
  readonly generated: 'no' | 'stored' | 'virtual'
}

/** The catalog, asked after the message was received. */
export interface RelationFacts {
  /** In order of number, dropped ones too. */
  readonly attributes: readonly Attribute[]
  /** By attribute number, of live ones. */
  readonly details: ReadonlyMap<number, AttributeDetail>
  /** Of the message's columns, in their order. Undefined: the type is gone. */
  readonly types: readonly ({ readonly type: PostgresType; readonly sourceType: string } | undefined)[]
  /** Names of the key by which rows are recognised, as the catalog has them now; undefined: there is none. */
  readonly key: readonly string[] | undefined
  readonly fingerprint: StorageFingerprint
}

export interface RelationChange {
  /** The known one where nothing changed. */
  readonly schema: TableSchema
  readonly wire: readonly WireColumn[]
  /** For people; empty where nothing changed. */
  readonly changes: readonly string[]
  /** Rows may have values that no change has told or will tell: the table must be read again beside the stream. */
  readonly rewritten: boolean
  /**
   * Message and live catalog agree, so that it cannot be the doing of a transaction that may still abort, and not of one
   * that lies behind us either.
   */
  readonly exact: boolean
  /** Excluded columns by attribute number: they stay out when they are renamed. */
  readonly leftOut: ReadonlySet<number>
  /** The rows cannot be followed any more. */
  readonly failure: PipelineError | undefined
}

interface Followed {
  readonly message: RelationColumn
  readonly aligned: AlignedColumn
  readonly type: { readonly type: PostgresType; readonly sourceType: string }
}

export function followRelation(
  known: TableSchema,
  message: RelationMessage,
  facts: RelationFacts,
  request: TableRequest,
  leftOut: ReadonlySet<number> = new Set(),
): RelationChange {
  const formerNames = new Map(known.columns.map((column) => [column.id, column.name]))
  const aligned = alignColumns(message.columns, facts.attributes, formerNames)
  const baseline = parseFingerprint(known.fingerprint)
  const history = new History(known, facts, baseline)
  const columns: Column[] = []
  const wire: WireColumn[] = []
  const stillLeftOut = new Set(leftOut)

  message.columns.forEach((column, index) => {
    const at = aligned[index] ?? { attribute: undefined, evidence: 'none' }
    const type = facts.types[index]
    const followed = type === undefined ? undefined : { message: column, aligned: at, type }
    const target = chooseColumn(followed, column, known, facts, request, stillLeftOut, history)
    if (target !== undefined) columns.push(target)
    wire.push({ column: target, type: type?.type ?? unknownType(column), binary: 'per-value' })
  })
  history.vanished(columns)

  const failure = checkIdentity(known, message, aligned, facts, request) ?? checkKeyIsFollowed(known, columns)
  const exact = isExact(known, message, aligned, facts)
  const changed = history.changes.length > 0
  // While the message is older than the catalog, a rewrite that is seen now may belong to a change that is still to come.
  const caughtUp = exact && coversCatalog(aligned, facts)
  const { fingerprint: before, ...rest } = known
  const fingerprint = caughtUp || history.rewritten ? facts.fingerprint.text : before
  const stored = fingerprint === undefined ? rest : { ...rest, fingerprint }
  const schema = changed ? { ...stored, columns, version: known.version + 1 } : stored
  return {
    schema,
    wire,
    changes: history.changes,
    rewritten: history.rewritten,
    exact,
    leftOut: stillLeftOut,
    failure,
  }
}

/** The column that takes the values, or undefined where they are left out. Notes what changed. */
function chooseColumn(
  followed: Followed | undefined,
  message: RelationColumn,
  known: TableSchema,
  facts: RelationFacts,
  request: TableRequest,
  leftOut: Set<number>,
  history: History,
): Column | undefined {
  const attnum = followed?.aligned.attribute?.attnum
  if (request.exclude.includes(message.name) || (attnum !== undefined && leftOut.has(attnum))) {
    if (attnum !== undefined) {
      leftOut.add(attnum)
      if (!request.exclude.includes(message.name)) history.excludedRenamed(message.name)
    }
    return undefined
  }
  if (followed === undefined || attnum === undefined) {
    history.cameAndWent(message.name)
    return undefined
  }
  const before = columnById(known, attnum)
  const detail = facts.details.get(attnum)
  const { type, sourceType } = followed.type
  const override = request.typeOverrides[message.name] ?? (before && request.typeOverrides[before.name])
  const column: Column = {
    id: attnum,
    name: message.name,
    type: override ?? columnTypeOf(type),
    sourceType,
    nullable: detail?.nullable ?? before?.nullable ?? true,
    // The value is in the form of the type that the column has now.
    ...missing(before ?? (followed.aligned.attribute?.typeOid === message.typeOid ? detail : undefined)),
  }
  history.note(before, column, followed.aligned)
  return column
}

function missing(from: { readonly missingValue?: string | undefined } | undefined): { readonly missingValue?: string } {
  return from?.missingValue === undefined ? {} : { missingValue: from.missingValue }
}

/** Collects what changed and whether rows may have changed with it. */
class History {
  readonly changes: string[] = []
  rewritten = false
  readonly #known: TableSchema
  readonly #facts: RelationFacts
  readonly #baseline: StorageFingerprint | undefined
  readonly #highestId: number
  /** Undefined: it is not known what it was before. */
  readonly #stored: 'same' | 'anew' | undefined

  constructor(known: TableSchema, facts: RelationFacts, baseline: StorageFingerprint | undefined) {
    this.#known = known
    this.#facts = facts
    this.#baseline = baseline
    this.#highestId = Math.max(0, ...known.columns.map((column) => column.id))
    this.#stored = baseline === undefined ? undefined : baseline.storage === facts.fingerprint.storage ? 'same' : 'anew'
    if (this.#stored === 'anew' && this.#attributesWritten()) {
      this.rewritten = true
      this.changes.push('rows were rewritten')
    }
  }

  note(before: Column | undefined, column: Column, aligned: AlignedColumn): void {
    if (aligned.evidence === 'guess') this.rewritten = true
    if (before === undefined) {
      this.#added(column)
      return
    }
    if (before.name !== column.name) this.changes.push(`renamed column ${before.name} to ${column.name}`)
    if (before.sourceType !== column.sourceType || !sameType(before.type, column.type)) {
      this.changes.push(`changed type of column ${column.name} from ${before.sourceType} to ${column.sourceType}`)
      // ALTER TYPE … USING may have given any values. It rewrites the table; a change that does not left the values alone.
      if (this.#stored !== 'same') this.rewritten = true
    }
    if (before.nullable !== column.nullable) {
      this.changes.push(column.nullable ? `column ${column.name} may be NULL` : `column ${column.name} is NOT NULL`)
    }
  }

  /** Known columns that the message lacks. */
  vanished(columns: readonly Column[]): void {
    const present = new Set(columns.map((column) => column.id))
    for (const column of this.#known.columns) {
      if (present.has(column.id)) continue
      const attribute = this.#facts.attributes.find((candidate) => candidate.attnum === column.id)
      const live = attribute !== undefined && !attribute.dropped
      this.changes.push(live ? `column ${column.name} is not published` : `dropped column ${column.name}`)
      this.#contentChanged()
    }
  }

  /** Rows of a bag are known by their content, which is another one now for rows that are there. */
  #contentChanged(): void {
    if (this.#known.identity.kind === 'bag') this.rewritten = true
  }

  excludedRenamed(name: string): void {
    this.changes.push(`an excluded column is called ${name} now and stays excluded`)
  }

  cameAndWent(name: string): void {
    this.changes.push(`left out column ${name}: it was dropped again or renamed before it could be placed`)
    // Had it been renamed, its values would be missing under the new name.
    this.rewritten = true
  }

  #added(column: Column): void {
    this.changes.push(`added column ${column.name} ${column.sourceType}`)
    const { attributes, details } = this.#facts
    const attribute = attributes.find((candidate) => candidate.attnum === column.id)
    const detail = details.get(column.id)
    // It existed when the table was last seen, but was not published; or the name stood for another column until now,
    // and rows that are still to come may be from before.
    if (column.id <= this.#highestId || this.#known.columns.some((other) => other.name === column.name)) {
      this.rewritten = true
    }
    // Or the message is about another column of that name, which came and went unseen.
    if (attributes.some((other) => other.dropped && other.attnum > this.#highestId)) this.rewritten = true
    if (detail?.missingValueDiffers === true) this.rewritten = true
    if (column.missingValue !== undefined) this.#contentChanged()
    if (column.missingValue !== undefined || attribute === undefined || this.#stored === 'same') return
    // No constant to fill in: either old rows have NULL, or a volatile default rewrote them all.
    if (this.#stored === 'anew' || attribute.hasDefault || !column.nullable) this.rewritten = true
  }

  #attributesWritten(): boolean {
    const baseline = this.#baseline
    if (baseline === undefined) return false
    return this.#known.columns.some((column) => {
      const attribute = this.#facts.attributes.find((candidate) => candidate.attnum === column.id)
      return attribute !== undefined && !attribute.dropped && writtenSince(baseline, attribute.writtenBy)
    })
  }
}

/** A key must stay what it is: rows at the destination are known by it. */
function checkIdentity(
  known: TableSchema,
  message: RelationMessage,
  aligned: readonly AlignedColumn[],
  facts: RelationFacts,
  request: TableRequest,
): PipelineError | undefined {
  const whole = message.replicaIdentity === 'f'
  if (known.identity.kind === 'append') return undefined
  if (known.identity.kind === 'bag') {
    return whole ? undefined : identityLost(known, 'old rows are not sent any more (REPLICA IDENTITY is not FULL)')
  }
  const key = new Set(known.identity.columnIds)
  if (whole) {
    const now = facts.key?.map(
      (name) => facts.attributes.find((candidate) => !candidate.dropped && candidate.name === name)?.attnum ?? 0,
    )
    if (now === undefined)
      return identityLost(
        known,
        request.key === undefined ? 'it has no primary key any more' : 'its key is not unique any more',
      )
    return sameSet(key, now) ? undefined : identityLost(known, `its key is (${facts.key?.join(', ')}) now`)
  }
  const sent = message.columns.flatMap((column, index) => (column.inIdentity ? [index] : []))
  if (sent.length === 0) return identityLost(known, 'its replica identity is gone')
  const now = sent.map((index) => aligned[index]?.attribute?.attnum ?? 0)
  // A key given by hand may be a part of what is sent.
  const isCarried = request.key === undefined ? sameSet(key, now) : [...key].every((id) => now.includes(id))
  if (isCarried && (request.key === undefined || facts.key !== undefined)) return undefined
  return identityLost(known, `its key is (${sent.map((index) => message.columns[index]?.name).join(', ')}) now`)
}

/** A column of it may have been given a name that is excluded. */
function checkKeyIsFollowed(known: TableSchema, columns: readonly Column[]): PipelineError | undefined {
  if (known.identity.kind !== 'key') return undefined
  const lost = known.identity.columnIds.find((id) => !columns.some((column) => column.id === id))
  if (lost === undefined) return undefined
  return identityLost(known, `the key column ${columnById(known, lost)?.name} is not followed any more`)
}

function identityLost(known: TableSchema, reason: string): PipelineError {
  const name = tableName(known.table)
  return new PipelineError('source_gap', `Following ${name}`, {
    cause: new Error(`${reason}, so rows cannot be matched with those that were loaded`),
    hint: `Give it a key or REPLICA IDENTITY FULL, then read it again: simplyload table resync ${shellWord(name)}`,
    context: { table: name },
  })
}

function isExact(
  known: TableSchema,
  message: RelationMessage,
  aligned: readonly AlignedColumn[],
  facts: RelationFacts,
): boolean {
  const present = new Set(aligned.map(({ attribute }) => attribute?.attnum))
  return (
    message.columns.every((column, index) => {
      const { attribute, evidence } = aligned[index] ?? {}
      return evidence === 'now' && attribute?.typeOid === column.typeOid && attribute.typmod === column.typmod
    }) &&
    known.columns.every(
      (column) =>
        present.has(column.id) || facts.attributes.some(({ attnum, dropped }) => attnum === column.id && dropped),
    )
  )
}

/** Nothing has been added since the message was written. Generated columns may be published or not. */
function coversCatalog(aligned: readonly AlignedColumn[], facts: RelationFacts): boolean {
  const present = new Set(aligned.map(({ attribute }) => attribute?.attnum))
  return facts.attributes.every(
    ({ attnum, dropped }) => dropped || present.has(attnum) || facts.details.get(attnum)?.generated !== 'no',
  )
}

function sameSet(expected: ReadonlySet<number>, ids: readonly number[]): boolean {
  return expected.size === ids.length && ids.every((id) => expected.has(id))
}

function sameType(a: ColumnType, b: ColumnType): boolean {
  if (a.kind !== b.kind) return false
  return a.kind !== 'decimal' || b.kind !== 'decimal' || (a.precision === b.precision && a.scale === b.scale)
}

/** Its values are skipped, so nothing of it matters. */
function unknownType(column: RelationColumn): PostgresType {
  return { oid: column.typeOid, name: 'unknown', typmod: column.typmod, kind: 'base', hasSend: false }
}
