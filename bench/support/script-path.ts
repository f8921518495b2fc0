import { fileURLToPath } from 'node:url'

/** A file of this folder that is run as a process of its own. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
