/** Configuration → what the driver wants for a login; keys and tokens are read and tried here, so that errors name them. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PipelineError } from '../../core/errors.ts'
import type { SnowflakeDestinationConfig } from './config.ts'
import type { DriverConnectionOptions } from './driver.ts'

export async function connectionSettings(
  config: SnowflakeDestinationConfig,
  folder: string,
): Promise<DriverConnectionOptions> {
  const { account, host, port, protocol, user, role, warehouse, database } = config
  return {
    account,
    ...(host === undefined ? {} : { host, protocol, ...(port === undefined ? {} : { port }) }),
    username: user,
    // As written: the server reads them as SQL would, quotes included.
    role,
    warehouse,
    database,
    application: 'SimplyLoad',
    clientSessionKeepAlive: false,
    disableConsoleLogin: true,
    // Of one request. The server answers a long statement after 45 s with where to ask again.
    timeout: 90_000,
    sfRetryMaxLoginRetries: 3,
    resultPrefetch: 1,
    // By default a NULL among values that are fetched as text is the text NULL.
    representNullAsStringNull: false,
    ...(await authentication(config, folder)),
  }
}

async function authentication(config: SnowflakeDestinationConfig, folder: string): Promise<DriverConnectionOptions> {
  const { token, token_path, oauth, password } = config
  const key = await readPrivateKey(config, folder)
  // The driver takes an unencrypted PKCS#8 key whatever was given.
  if (key !== undefined)
    return { authenticator: 'SNOWFLAKE_JWT', privateKey: key.export({ format: 'pem', type: 'pkcs8' }).toString() }
  if (token !== undefined) return accessToken(token)
  if (token_path !== undefined)
    return accessToken((await readSecret(resolve(folder, token_path), 'destination.token_path')).trim())
  if (oauth !== undefined) {
    return {
      authenticator: 'OAUTH_CLIENT_CREDENTIALS',
      oauthClientId: oauth.client_id,
      oauthClientSecret: oauth.client_secret,
      oauthTokenRequestUrl: oauth.token_url,
      oauthHttpAllowed: config.protocol === 'http',
      ...(oauth.scope === undefined ? {} : { oauthScope: oauth.scope }),
    }
  }
  return { authenticator: 'SNOWFLAKE', password: password ?? '' }
}

function accessToken(token: string): DriverConnectionOptions {
  return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token }
}

/** Undefined where the user logs in otherwise. Throws `destination_authentication`. */
export async function readPrivateKey(
  { private_key, private_key_path, private_key_passphrase }: SnowflakeDestinationConfig,
  folder: string,
): Promise<KeyObject | undefined> {
  if (private_key !== undefined) return openKey(private_key, 'destination.private_key', private_key_passphrase)
  if (private_key_path === undefined) return undefined
  const path = resolve(folder, private_key_path)
  return openKey(await readSecret(path, 'destination.private_key_path'), path, private_key_passphrase)
}

/** `from`: where the key was found, for errors. */
function openKey(pem: string, from: string, passphrase: string | undefined): KeyObject {
  const refuse = (reason: string, hint: string) =>
    new PipelineError('destination_authentication', `Reading the private key ${from}`, {
      // Not the error of the crypto library: it may quote what it was given.
      cause: new Error(reason),
      hint,
    })
  if (/PUBLIC KEY/.test(pem)) {
    throw refuse('it is a public key', 'Name the private key; the public one belongs to the user in Snowflake')
  }
  const isEncrypted = /ENCRYPTED/.test(pem)
  if (isEncrypted && passphrase === undefined) {
    throw refuse(
      'it is encrypted, and there is no passphrase',
      'Set destination.private_key_passphrase, best from the environment: ${SNOWFLAKE_KEY_PASSPHRASE}',
    )
  }
  let key: KeyObject
  try {
    key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) })
  } catch {
    throw isEncrypted
      ? refuse('the passphrase does not open it', 'Check destination.private_key_passphrase')
      : refuse('it is no PEM key', RSA_HINT)
  }
  if (key.asymmetricKeyType !== 'rsa') throw refuse(`it is a key of type ${key.asymmetricKeyType}`, RSA_HINT)
  return key
}

const RSA_HINT = 'Make an RSA key: openssl genrsa 2048 | openssl pkcs8 -topk8 -v2 aes256 -inform PEM -out rsa_key.p8'

async function readSecret(path: string, setting: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new PipelineError('destination_authentication', `Reading ${path}`, {
      cause: error,
      hint: `${setting} must name a file that this user can read`,
    })
  }
}
