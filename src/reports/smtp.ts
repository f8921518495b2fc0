/** Sending through an SMTP server. */
import { createTransport } from 'nodemailer'
import { PipelineError } from '../core/errors.ts'
import type { EmailSettings, SmtpServer } from '../core/file-report.ts'
import type { ReportEmail } from './report-email.ts'

/** A server that does not answer is down: the send is tried again later anyway. */
const TIMEOUTS_MS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 60_000 }

/** Throws `report_not_sent`, without secrets. */
export async function sendEmail(email: ReportEmail, settings: EmailSettings): Promise<void> {
  const { smtp, from, to } = settings
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls === 'implicit',
    requireTLS: smtp.tls === 'starttls',
    ignoreTLS: smtp.tls === 'none',
    ...(smtp.user !== undefined && { auth: { user: smtp.user, pass: smtp.password ?? '' } }),
    ...TIMEOUTS_MS,
    // All parts are in memory: nothing that a file holds may name a path or an address to be read.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    const { messageId, subject, html, text, attachments } = email
    const sent = await transport.sendMail({
      from,
      to: [...to],
      messageId,
      subject,
      html,
      text,
      attachments: attachments.map((part) => ({ ...part })),
    })
    // A server may take the letter and refuse some of its readers.
    const refused = sent.rejected ?? []
    if (refused.length > 0) throw new Error(`the server refused ${refused.length} of ${to.length} recipients`)
  } catch (cause) {
    throw new PipelineError('report_not_sent', `Sending a report through ${smtp.host}:${smtp.port}`, {
      cause: new Error(withoutSecrets(cause instanceof Error ? cause.message : String(cause), smtp)),
      hint: 'The report is kept. simplyload files report --send-pending sends it when the server is there.',
    })
  } finally {
    transport.close()
  }
}

/** Servers may repeat what they were told. */
function withoutSecrets(text: string, { user, password }: SmtpServer): string {
  const encoded = (value: string): string => Buffer.from(value).toString('base64')
  const secrets =
    password === undefined
      ? []
      : [password, encoded(password), encodeURIComponent(password), encoded(`\0${user ?? ''}\0${password}`)]
  return secrets.filter((secret) => secret !== '').reduce((told, secret) => told.replaceAll(secret, '<redacted>'), text)
}
