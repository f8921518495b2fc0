#!/usr/bin/env node
// Plain JavaScript that parses on any Node, so that an old one gets a sentence instead of a syntax error.
import module from 'node:module'

const NEEDED_MAJOR = 24
const found = process.versions.node

if (Number.parseInt(found, 10) < NEEDED_MAJOR) {
  process.stderr.write(`simplyload needs Node.js ${NEEDED_MAJOR} or newer; this is ${found}.\n`)
  process.exit(2)
}
module.enableCompileCache()
await import('../dist/bin.js')
