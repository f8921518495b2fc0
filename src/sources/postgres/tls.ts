/**
 * TLS as libpq does it (PostgreSQL documentation, "SSL Support" in the libpq chapter):
 *
 * | mode | tries | verifies |
 * | --- | --- | --- |
 * | disable | plain | |
 * | allow | plain, then TLS where the server refuses plain | nothing |
 * | prefer | TLS, then plain where TLS is refused or fails; for a minute after that as `allow` | nothing |
 * | require | TLS | nothing; the chain where a root certificate is given |
 * | verify-ca | TLS | the chain |
 * | verify-full | TLS | the chain and the host name |
 *
 * One difference: `verify-full` without any root certificate uses the public roots that come with Node, where libpq
 * gives up; managed databases with public certificates then need no file. Over a Unix socket there is no TLS.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { PipelineError } from '../../core/errors.ts'
import type { ConnectionSettings } from './connection-settings.ts'

/** One way to try to connect. `tls` undefined: plain. */
export interface ConnectionAttempt {
  readonly tls: ConnectionOptions | undefined
}

/** By the settings of TLS, which connections of a source share: when `prefer` last had to go without. */
const withoutTls = new WeakMap<ConnectionSettings['ssl'], number>()
/** To a server without TLS each attempt is a process that it makes in vain: at the start of a run, five of them. */
const NOT_ASKED_AGAIN_MS = 60_000

/** `attempt` made a connection where the one before it did not. */
export function noteWorking({ ssl }: ConnectionSettings, attempt: ConnectionAttempt): void {
  if (ssl.mode === 'prefer' && attempt.tls === undefined) withoutTls.set(ssl, performance.now())
  else withoutTls.delete(ssl)
}

/** In the order in which they are tried. Throws `config_invalid` for files that cannot be read. */
export async function connectionAttempts(settings: ConnectionSettings): Promise<readonly ConnectionAttempt[]> {
  const { mode, direct } = settings.ssl
  const plain: ConnectionAttempt = { tls: undefined }
  if (settings.host.startsWith('/')) return [plain]
  if (direct && mode !== 'require' && mode !== 'verify-ca' && mode !== 'verify-full') {
    throw invalid(`sslnegotiation=direct does not go with mode ${mode}`, 'Use mode require, verify-ca or verify-full')
  }
  if (mode === 'disable') return [plain]
  const tls: ConnectionAttempt = { tls: await tlsOptions(settings) }
  const since = performance.now() - (withoutTls.get(settings.ssl) ?? Number.NEGATIVE_INFINITY)
  if (mode === 'allow' || since < NOT_ASKED_AGAIN_MS) return [plain, tls]
  return mode === 'prefer' ? [tls, plain] : [tls]
}

async function tlsOptions(settings: ConnectionSettings): Promise<ConnectionOptions> {
  const { mode, rootCert, cert, key } = settings.ssl
  const client = await clientCertificate(cert, key)
  if (rootCert === 'system') {
    if (mode !== 'verify-full')
      throw invalid(`sslrootcert=system does not go with mode ${mode}`, 'Use mode verify-full')
    return { ...client, rejectUnauthorized: true }
  }
  const verifies = mode === 'verify-ca' || mode === 'verify-full'
  const ca =
    rootCert === undefined
      ? await readOptional(join(homedir(), '.postgresql', 'root.crt'))
      : verifies || mode === 'require'
        ? await readCertificate('root certificate', rootCert)
        : undefined
  if (mode === 'verify-ca' && ca === undefined) {
    throw invalid(
      'mode verify-ca has no root certificate',
      'Name the file in ssl.rootcert (or sslrootcert in the connection string), or use verify-full',
    )
  }
  if (mode === 'verify-full') return { ...client, ...(ca === undefined ? {} : { ca }), rejectUnauthorized: true }
  // `require` with a root certificate verifies the chain: libpq keeps this for compatibility, and so does who relies on it.
  if (ca !== undefined && (mode === 'verify-ca' || mode === 'require')) {
    return { ...client, ca, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  }
  return { ...client, rejectUnauthorized: false, checkServerIdentity: () => undefined }
}

async function clientCertificate(cert: string | undefined, key: string | undefined): Promise<ConnectionOptions> {
  if (cert !== undefined && key === undefined)
    throw invalid('a client certificate is given without its key', 'Name the file in ssl.key (or sslkey)')
  if (cert === undefined && key !== undefined)
    throw invalid('a client key is given without its certificate', 'Name the file in ssl.cert (or sslcert)')
  if (cert !== undefined && key !== undefined) {
    return { cert: await readCertificate('client certificate', cert), key: await readCertificate('client key', key) }
  }
  const [defaultCert, defaultKey] = await Promise.all(
    ['postgresql.crt', 'postgresql.key'].map((name) => readOptional(join(homedir(), '.postgresql', name))),
  )
  return defaultCert === undefined || defaultKey === undefined ? {} : { cert: defaultCert, key: defaultKey }
}

async function readCertificate(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new PipelineError('config_invalid', `Reading the ${what} ${path}`, {
      cause,
      hint: 'Check the path and that this user may read the file',
    })
  }
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw new PipelineError('config_invalid', `Reading ${path}`, {
      cause: error,
      hint: 'Name another file under `ssl`, or make this one readable',
    })
  }
}

function invalid(reason: string, hint: string): PipelineError {
  return new PipelineError('config_invalid', 'Reading the TLS settings of Postgres', { cause: new Error(reason), hint })
}
