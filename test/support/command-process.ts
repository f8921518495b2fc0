/** The command line as a process: what a person or a script gets from `simplyload`. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface CommandResult {
  readonly exitCode: number | null
  readonly stderr: string
  readonly stdout: string
  /** The JSON lines of standard output. */
  readonly events: readonly Readonly<Record<string, unknown>>[]
}

const PROGRAM = fileURLToPath(new URL('../../src/bin.ts', import.meta.url))

/** Runs `simplyload --json …` to its end, in `folder`. */
export async function simplyload(
  folder: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [PROGRAM, '--json', ...args], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (bytes: Buffer) => {
    stdout += bytes.toString()
  })
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString()
  })
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  return { exitCode, stdout, stderr, events: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}
