type Driver = typeof import('node:sqlite')

/**
 * `node:sqlite`, loaded when it is first needed. Early releases of Node.js 24 warn then that it is experimental, which
 * tells our users nothing; other warnings pass.
 */
export function loadSqlite(): Driver {
  const emit = process.emitWarning
  process.emitWarning = ((warning: string | Error, ...rest: []) => {
    if (!String(warning).includes('SQLite is an experimental feature')) emit.call(process, warning, ...rest)
  }) as typeof process.emitWarning
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emit
  }
}
