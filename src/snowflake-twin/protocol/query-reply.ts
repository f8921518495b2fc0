/** What a query-request is answered with: rows, pages of rows, files to transfer, or "still running". */
import type { DataType } from '../sql/data-type.ts'
import { REPLY_CODE, type Reply, success } from './wire-message.ts'
import type { WireType } from './wire-value.ts'

export interface ResultColumn {
  readonly name: string
  readonly type: WireType
  readonly isNullable: boolean
}

/** The numbers by which drivers tell kinds of statements apart. */
export const STATEMENT_TYPE = {
  select: 0x1000,
  dml: 0x3000,
  insert: 0x3100,
  update: 0x3200,
  delete: 0x3300,
  merge: 0x3400,
  copy: 0x3600,
  scl: 0x4000,
  use: 0x4300,
  show: 0x4400,
  describe: 0x4500,
  tcl: 0x5000,
  ddl: 0x6000,
  multi: 0xa000,
} as const

export type WireRow = readonly (string | null)[]

export interface StatementResult {
  readonly typeId: number
  readonly columns: readonly ResultColumn[]
  readonly rows: readonly WireRow[]
  /** Of PUT and GET: what the driver needs to move the files itself. */
  readonly transfer?: FileTransfer
  /** The rows again, as RESULT_SCAN reads them. */
  readonly source?: {
    readonly columns: readonly { readonly name: string; readonly type: DataType }[]
    rows(): readonly (readonly (string | null)[])[]
  }
}

/** Rows of one part of a large result, and where the client finds it. */
export interface ResultChunk {
  readonly url: string
  readonly body: string
  readonly rowCount: number
}

export interface FileTransfer {
  readonly command: 'UPLOAD' | 'DOWNLOAD'
  /** Local files, as written in the PUT; names in the stage of a GET. */
  readonly sources: readonly string[]
  /** Of a GET. */
  readonly localFolder?: string
  /** The folder of the stage, or the place to which an upload goes first. */
  readonly folder: string
  readonly autoCompress: boolean
  readonly sourceCompression: string
  readonly parallel: number
  readonly overwrite: boolean
}

export interface SessionState {
  readonly database: string | undefined
  readonly schema: string | undefined
  readonly warehouse: string | undefined
  readonly role: string
  readonly parameters: ReadonlyMap<string, string | number | boolean>
}

export function resultReply(
  queryId: string,
  result: StatementResult,
  chunks: readonly ResultChunk[],
  state: SessionState,
): Reply {
  if (result.transfer !== undefined) return transferReply(queryId, result.transfer, state)
  return success({
    ...stateFields(state),
    queryId,
    statementTypeId: result.typeId,
    rowtype: result.columns.map(rowType),
    rowset: chunks.length === 0 ? result.rows : [],
    total: result.rows.length,
    returned: result.rows.length,
    ...(chunks.length === 0
      ? {}
      : {
          chunks: chunks.map(({ url, body, rowCount }) => {
            const bytes = Buffer.byteLength(body)
            return { url, rowCount, uncompressedSize: bytes, compressedSize: bytes }
          }),
          chunkHeaders: {},
        }),
    numberOfBinds: 0,
    arrayBindSupported: false,
    databaseProvider: null,
    queryResultFormat: 'json',
    version: 1,
  })
}

/** The children of several statements are fetched one by one. */
export function multiReply(queryId: string, children: readonly { id: string; typeId: number }[]): Reply {
  return success({
    queryId,
    statementTypeId: STATEMENT_TYPE.multi,
    rowtype: [{ name: 'multiple statement execution', type: 'text', length: 16777216, nullable: false }],
    rowset: [['Multiple statements executed successfully.']],
    total: 1,
    returned: 1,
    parameters: [],
    resultIds: children.map(({ id }) => id).join(','),
    resultTypes: children.map(({ typeId }) => typeId).join(','),
    queryResultFormat: 'json',
    version: 1,
  })
}

export function runningReply(queryId: string, isDetached: boolean): Reply {
  const code = isDetached ? REPLY_CODE.inProgressAsync : REPLY_CODE.inProgress
  const data = { queryId, getResultUrl: `/queries/${queryId}/result`, queryAbortsAfterSecs: 300 }
  return { success: true, code, message: 'Query execution in progress.', data }
}

/** LOCAL_FS: the driver copies between two folders; both sides see the same file system. */
function transferReply(queryId: string, transfer: FileTransfer, state: SessionState): Reply {
  const isUpload = transfer.command === 'UPLOAD'
  return success({
    ...stateFields(state),
    queryId,
    command: transfer.command,
    operation: 'Node',
    statementTypeId: STATEMENT_TYPE.select,
    src_locations: transfer.sources,
    localLocation: transfer.localFolder ?? null,
    autoCompress: transfer.autoCompress,
    sourceCompression: transfer.sourceCompression,
    parallel: transfer.parallel,
    threshold: 209715200,
    overwrite: transfer.overwrite,
    encryptionMaterial: isUpload ? null : [],
    presignedUrls: isUpload ? null : [],
    clientShowEncryptionParameter: false,
    stageInfo: {
      locationType: 'LOCAL_FS',
      location: transfer.folder,
      path: '',
      region: '',
      storageAccount: null,
      isClientSideEncrypted: false,
      creds: {},
      presignedUrl: null,
      endPoint: null,
    },
    rowtype: [],
    rowset: [],
    total: 0,
    returned: 0,
  })
}

function rowType({ name, type, isNullable }: ResultColumn): unknown {
  const { precision = null, scale = null, length = null } = type
  return {
    name,
    type: type.name,
    nullable: isNullable,
    precision,
    scale,
    length,
    byteLength: type.name === 'text' && length !== null ? Math.min(length * 4, 134217728) : length,
    database: '',
    schema: '',
    table: '',
    collation: null,
  }
}

function stateFields(state: SessionState): Readonly<Record<string, unknown>> {
  return {
    parameters: parameterList(state.parameters),
    finalDatabaseName: state.database ?? null,
    finalSchemaName: state.schema ?? null,
    finalWarehouseName: state.warehouse ?? null,
    finalRoleName: state.role,
  }
}

export function parameterList(
  parameters: ReadonlyMap<string, string | number | boolean>,
): readonly { name: string; value: string | number | boolean }[] {
  return [...parameters].map(([name, value]) => ({ name, value }))
}
