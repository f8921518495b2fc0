/** `reports:` of the configuration: through which server, from whom and to whom reports of file checks are sent. */
import { z } from 'zod'
import type { ReportSettings, SmtpServer } from '../core/file-report.ts'

const ADDRESS = /^[^\s@<>]+@[^\s@<>]+$|^[^<>\r\n]*<[^\s@<>]+@[^\s@<>]+>$/
const address = z.string().regex(ADDRESS, 'must be an address such as data@example.com, or Data <data@example.com>')

const PORTS: Readonly<Record<SmtpServer['tls'], number>> = { implicit: 465, starttls: 587, none: 25 }
const LOCAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1']
const URL_FORM = 'must be smtp://user:password@host:587 or smtps://user:password@host:465, special characters as %40'

const smtp = z
  .strictObject({
    url: z
      .string()
      .refine((text) => smtpUrl(text) !== undefined, URL_FORM)
      .optional()
      .describe('In place of the keys below: smtp://user:password@host:587, or smtps:// for TLS from the first byte.'),
    host: z.string().min(1).optional().describe('Name of the SMTP server.'),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('Default: 587, with `tls: implicit` 465, with `tls: none` 25.'),
    user: z.string().min(1).optional().describe('Default: the server is not told who sends.'),
    password: z.string().min(1).optional().describe('Of the user. Better an environment variable: `${SMTP_PASSWORD}`.'),
    tls: z
      .enum(['starttls', 'implicit', 'none'])
      .optional()
      .describe(
        '`starttls`, the default: nothing is said before TLS. `implicit`: TLS from the first byte. `none`: plain text; with a password to this machine only.',
      ),
  })
  .superRefine(({ url, host, port, user, password, tls }, context) => {
    const problem = (message: string): void => context.addIssue({ code: 'custom', message })
    if ((url === undefined) === (host === undefined)) problem('must have either a url or a host')
    if (url !== undefined && (port !== undefined || user !== undefined || password !== undefined))
      problem('must have port, user and password in its url, or no url')
    if (host !== undefined && (user === undefined) !== (password === undefined))
      problem('must have both a user and a password, or neither')
    const parts = url === undefined ? { host, password } : smtpUrl(url)
    if (tls === 'none' && parts?.password !== undefined && !LOCAL_HOSTS.includes(parts.host ?? ''))
      problem('must not send a password as plain text: tls: none is for servers without one, or on this machine')
  })
  .transform(({ url, host = '', port, user, password, tls }): SmtpServer => {
    const parts = url === undefined ? undefined : smtpUrl(url)
    const kind = tls ?? parts?.tls ?? 'starttls'
    const given = parts ?? { host, port, user, password }
    return { host: given.host, port: given.port ?? PORTS[kind], tls: kind, user: given.user, password: given.password }
  })

export const reports = z
  .strictObject({
    smtp: smtp.optional().describe('Server that e-mails are sent through. Without it none are sent.'),
    from: address.optional().describe('Sender of e-mails.'),
    to: z.array(address).default([]).describe('Who gets them.'),
    attach: z
      .array(z.enum(['html', 'pdf']))
      .default([])
      .describe('What comes with an e-mail beside the findings as CSV.'),
  })
  .transform(({ smtp: server, from, to, attach }, context): ReportSettings => {
    if (server === undefined) return { email: undefined }
    if (from !== undefined && to.length > 0) return { email: { smtp: server, from, to, attach } }
    context.addIssue({ code: 'custom', message: 'must say from and to where it has smtp' })
    return z.NEVER
  })
  .prefault({})
  .describe('How reports of file checks are sent.')

interface UrlParts {
  readonly host: string
  readonly port: number | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: SmtpServer['tls'] | undefined
}

/** Undefined: it is not such an address. */
function smtpUrl(text: string): UrlParts | undefined {
  if (!/^smtps?:\/\//.test(text) || !URL.canParse(text)) return undefined
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text)
  if (hostname === '' || !['', '/'].includes(pathname) || search !== '' || hash !== '') return undefined
  if ((username === '') !== (password === '')) return undefined
  try {
    return {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? undefined : Number(port),
      user: username === '' ? undefined : decodeURIComponent(username),
      password: password === '' ? undefined : decodeURIComponent(password),
      tls: protocol === 'smtps:' ? 'implicit' : undefined,
    }
  } catch {
    // A percent sign that begins no escape.
    return undefined
  }
}
