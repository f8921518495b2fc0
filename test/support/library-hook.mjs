// Loaded before an example: `simplyload` means the sources beside it, as it would mean the installed package.
import { registerHooks } from 'node:module'

const entry = new URL('../../src/index.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'simplyload' ? { url: entry, shortCircuit: true } : next(specifier, context),
})
