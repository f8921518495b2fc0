/** An external stage on an S3 server: listed and read over its own HTTP, with the keys of the stage. */
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { SnowflakeError } from '../sql/snowflake-error.ts'
import type { StageFile, StageFiles } from './stage-files.ts'

export interface S3Place {
  readonly bucket: string
  /** Without a leading slash; empty, or with one at its end. */
  readonly prefix: string
  readonly endpoint: string | undefined
  readonly region: string
  readonly accessKeyId: string | undefined
  readonly secretAccessKey: string | undefined
  readonly sessionToken: string | undefined
}

/** Sets of files: a COPY that is tried again finds its own. */
const DOWNLOADS_KEPT = 8

type Sdk = typeof import('@aws-sdk/client-s3')

export class S3StageFiles implements StageFiles {
  readonly metadataPrefix: string
  readonly #place: S3Place
  /** Where the last downloads are kept. */
  readonly #cache: string
  #wire: Promise<{ readonly sdk: Sdk; readonly client: S3Client }> | undefined

  constructor(place: S3Place, cache: string) {
    this.#place = place
    this.#cache = cache
    this.metadataPrefix = place.prefix
  }

  async list(prefix: string): Promise<readonly StageFile[]> {
    const { bucket } = this.#place
    const start = `${this.#place.prefix}${prefix}`
    const files: StageFile[] = []
    let token: string | undefined
    do {
      const page = await this.#call('list', start, ({ sdk, client }) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: bucket,
            Prefix: start,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      )
      for (const { Key = '', Size = 0, ETag = '', LastModified } of page.Contents ?? []) {
        const path = Key.slice(this.#place.prefix.length)
        const modifiedMs = LastModified?.getTime() ?? 0
        files.push({
          path,
          shownName: `s3://${bucket}/${Key}`,
          bytes: Size,
          etag: ETag.replaceAll('"', ''),
          modifiedMs,
        })
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return files
  }

  async localFolder(files: readonly StageFile[]): Promise<string> {
    // By what the files are, so that one that was replaced is read anew.
    const state = createHash('sha256').update(JSON.stringify(files.map(({ path, etag }) => [path, etag])))
    const folder = join(this.#cache, `${this.#place.bucket}-${state.digest('hex').slice(0, 24)}`)
    if (existsSync(folder)) return folder
    this.#makeRoom()
    const arriving = `${folder}.part`
    rmSync(arriving, { recursive: true, force: true })
    for (const file of files) {
      const local = join(arriving, file.path)
      mkdirSync(dirname(local), { recursive: true })
      await this.#download(file, local)
    }
    renameSync(arriving, folder)
    return folder
  }

  async remove(files: readonly StageFile[]): Promise<void> {
    for (const { path } of files) {
      const key = `${this.#place.prefix}${path}`
      await this.#call('delete', key, ({ sdk, client }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: this.#place.bucket, Key: key })),
      )
    }
  }

  #makeRoom(): void {
    mkdirSync(this.#cache, { recursive: true })
    const folders = readdirSync(this.#cache)
      .map((name) => join(this.#cache, name))
      .sort((left, right) => statSync(left).mtimeMs - statSync(right).mtimeMs)
    for (const folder of folders.slice(0, Math.max(0, folders.length - DOWNLOADS_KEPT)))
      rmSync(folder, { recursive: true, force: true })
  }

  async #download(file: StageFile, to: string): Promise<void> {
    const key = `${this.#place.prefix}${file.path}`
    const { Body } = await this.#call('read', key, ({ sdk, client }) =>
      client.send(new sdk.GetObjectCommand({ Bucket: this.#place.bucket, Key: key })),
    )
    await pipeline(Body as Readable, createWriteStream(to))
  }

  async #call<T>(
    action: string,
    key: string,
    work: (wire: { readonly sdk: Sdk; readonly client: S3Client }) => Promise<T>,
  ): Promise<T> {
    this.#wire ??= this.#connect()
    try {
      return await work(await this.#wire)
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      throw new SnowflakeError(
        '100030',
        '58030',
        `Failure using stage area. Cause: [${reason}] (${action} s3://${this.#place.bucket}/${key})`,
      )
    }
  }

  async #connect(): Promise<{ readonly sdk: Sdk; readonly client: S3Client }> {
    const sdk = await import('@aws-sdk/client-s3')
    const { endpoint, region, accessKeyId, secretAccessKey, sessionToken } = this.#place
    const client = new sdk.S3Client({
      region,
      forcePathStyle: true,
      followRegionRedirects: true,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKeyId === undefined || secretAccessKey === undefined
        ? {}
        : {
            credentials: {
              accessKeyId,
              secretAccessKey,
              ...(sessionToken === undefined ? {} : { sessionToken }),
            },
          }),
    })
    return { sdk, client }
  }
}
