/** Structured log on standard error: one JSON object per line. Loaded only where a level is asked for. */
import type { LogLevel } from './core/application.ts'
import { type Log, silentLog } from './core/log.ts'

export async function openLog(level: LogLevel): Promise<Log> {
  if (level === 'silent') return silentLog
  const { pino } = await import('pino')
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  )
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
