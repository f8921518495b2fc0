const REDACTED = '<redacted>'

const SECRET_PARAMETER = /pass|secret|token|key|credential|signature/i

/**
 * An address for messages: `postgres://user:<redacted>@host/db`. Secrets among the parameters are redacted too. What is
 * no address, or could be cut in more than one way (an `@` or `/` in a password), is `<redacted>` whole.
 */
export function redactUrl(url: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:([^@/?#:]*)(:[^@/?#]*)?@)?([^@/?#]*)([^@?#]*)(\?[^@#]*)?$/i.exec(url)
  if (match === null) return REDACTED
  const [, scheme = '', user, password, host = '', path = '', query = ''] = match
  const credentials = user === undefined ? '' : `${user}${password === undefined ? '' : `:${REDACTED}`}@`
  const parameters = query.replace(/([?&])([^=&]*)=([^&]*)/g, (pair, before: string, name: string) =>
    SECRET_PARAMETER.test(name) ? `${before}${name}=${REDACTED}` : pair,
  )
  return `${scheme}${credentials}${host}${path}${parameters}`
}
