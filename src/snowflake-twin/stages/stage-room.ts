/** Every stage of the account: where its files are. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PlainOptions, StageObject } from '../catalog/catalog-objects.ts'
import { compilationError, unsupported } from '../refusals.ts'
import { FolderStage } from './folder-stage.ts'
import { S3StageFiles } from './s3-stage-files.ts'
import type { StageFiles } from './stage-files.ts'
import { UploadInbox } from './upload-inbox.ts'

export interface StageRoomOptions {
  /** The twin's own folder. */
  readonly root: string
  /** Folders that stand for buckets, by the bucket's name. */
  readonly buckets: Readonly<Record<string, string>>
  /** An S3 server for every other bucket; absent: Amazon's. */
  readonly s3Endpoint: string | undefined
  readonly s3Region: string
}

export class StageRoom {
  readonly inbox: UploadInbox
  readonly #options: StageRoomOptions

  constructor(options: StageRoomOptions) {
    this.#options = options
    mkdirSync(join(options.root, 'stages'), { recursive: true })
    this.inbox = new UploadInbox(join(options.root, 'uploads'))
  }

  named(stage: StageObject): StageFiles {
    const url = textOption(stage.options, 'URL')
    if (url !== undefined) return this.#external(url, stage.options)
    return new FolderStage(this.folder(stage), `${stage.name.name.toLowerCase()}/`, '')
  }

  /** Of an internal stage. */
  folder(stage: StageObject): string {
    return join(this.#options.root, 'stages', String(stage.id))
  }

  user(name: string): StageFiles {
    return new FolderStage(this.userFolder(name), '', '')
  }

  userFolder(name: string): string {
    return join(this.#options.root, 'stages', `user-${encodeURIComponent(name)}`)
  }

  table(id: number): StageFiles {
    return new FolderStage(this.tableFolder(id), '', '')
  }

  tableFolder(id: number): string {
    return join(this.#options.root, 'stages', `table-${id}`)
  }

  #external(url: string, options: PlainOptions): StageFiles {
    const match = /^(s3|s3compat):\/\/([^/]+)\/?(.*)$/.exec(url)
    if (match === null) throw unsupported(`stage location ${url.replace(/:.*/, '')}`)
    const [, scheme, bucket = '', path = ''] = match
    const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
    const folder = this.#options.buckets[bucket]
    if (folder !== undefined) return new FolderStage(join(folder, prefix), `s3://${bucket}/${prefix}`, prefix)
    const credentials = optionsOf(options.CREDENTIALS)
    const endpoint = textOption(options, 'ENDPOINT')
    if (scheme === 's3compat' && endpoint === undefined)
      throw compilationError('001003', '42000', 'ENDPOINT is missing for an S3-compatible location')
    return new S3StageFiles(
      {
        bucket,
        prefix,
        endpoint: endpoint === undefined ? this.#options.s3Endpoint : withProtocol(endpoint),
        region: textOption(options, 'REGION') ?? this.#options.s3Region,
        accessKeyId: textOption(credentials, 'AWS_KEY_ID'),
        secretAccessKey: textOption(credentials, 'AWS_SECRET_KEY'),
        sessionToken: textOption(credentials, 'AWS_TOKEN'),
      },
      join(this.#options.root, 'downloads'),
    )
  }
}

export function textOption(options: PlainOptions, name: string): string | undefined {
  const value = options[name]
  return value === undefined || value === null || typeof value === 'object' ? undefined : String(value)
}

export function optionsOf(value: PlainOptions[string] | undefined): PlainOptions {
  return typeof value === 'object' && value !== null && 'options' in value
    ? (value as { options: PlainOptions }).options
    : {}
}

function withProtocol(endpoint: string): string {
  return endpoint.includes('://') ? endpoint : `https://${endpoint}`
}
