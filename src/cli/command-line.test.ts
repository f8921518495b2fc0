import { describe, expect, test } from 'vitest'
import { rowsOf, runCli } from '../../test/support/command-line.ts'
import type { ApplicationOptions } from '../core/application.ts'
import { type ErrorCode, PipelineError } from '../core/errors.ts'

function failing(error: unknown) {
  return {
    open: () => {
      throw error
    },
  }
}

describe('the end of a command', () => {
  const exits: readonly (readonly [ErrorCode, number])[] = [
    ['config_invalid', 2],
    ['config_missing_variable', 2],
    ['not_found', 2],
    ['source_authentication', 3],
    ['source_permission', 3],
    ['destination_permission', 3],
    ['source_unreachable', 4],
    ['source_slot_lost', 4],
    ['destination_locked', 5],
    ['stage_full', 5],
    ['state_locked', 5],
    ['verification_failed', 6],
    ['internal', 1],
  ]
  test.each(exits)('%s is exit code %i', async (code, exitCode) => {
    const run = await runCli(['validate', '--json'], failing(new PipelineError(code, 'Doing something')))
    expect(run.exitCode).toBe(exitCode)
    expect(run.events().at(-1)).toEqual({ event: 'end', outcome: 'failed', exitCode })
  })

  test('an error that nobody foresaw is exit code 1, and says how to learn more', async () => {
    const run = await runCli(['validate'], failing(new TypeError('x is not a function')))
    expect(run.exitCode).toBe(1)
    expect(run.stderr).toContain('error: x is not a function')
    expect(run.stderr).toContain('--log-level debug')
    expect((await runCli(['validate', '--log-level', 'debug'], failing(new TypeError('x')))).stderr).toContain(
      '    at ',
    )
  })

  test('people read what failed, every cause and the fix; machines read the same as an event', async () => {
    const cause = new Error('2 problems\nsources.shop.tabels: unknown key; did you mean "tables"?', { cause: 'line 7' })
    const error = new PipelineError('config_invalid', 'Reading simplyload.yaml', {
      cause,
      hint: 'Mend the file\nthen validate',
      context: { problems: 2 },
    })
    expect((await runCli(['validate'], failing(error))).stderr).toBe(
      [
        'error: Reading simplyload.yaml failed',
        '  2 problems',
        '  sources.shop.tabels: unknown key; did you mean "tables"?',
        '  line 7',
        '  fix: Mend the file',
        '       then validate',
        '',
      ].join('\n'),
    )
    const run = await runCli(['validate', '--json'], failing(error))
    expect(run.events()[0]).toEqual({
      event: 'error',
      code: 'config_invalid',
      message: 'Reading simplyload.yaml',
      causes: [cause.message, 'line 7'],
      hint: 'Mend the file\nthen validate',
      context: { problems: 2 },
    })
    expect(run.stderr).toContain('error: Reading simplyload.yaml failed')
  })

  test('all addresses of a host that refused are named', async () => {
    const cause = new AggregateError(
      [new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')],
      '',
    )
    const run = await runCli(
      ['validate'],
      failing(new PipelineError('source_unreachable', 'Connecting to shop', { cause })),
    )
    expect(run.stderr).toContain('::1:1')
    expect(run.stderr).toContain('127.0.0.1:1')
  })

  test('an interrupted command is exit code 130', async () => {
    const stop = new AbortController()
    stop.abort(new DOMException('Interrupted', 'AbortError'))
    const run = await runCli(['status', '--json'], {
      signal: stop.signal,
      application: { status: async (_, signal) => signal.throwIfAborted() ?? [] },
    })
    const wrapped = new PipelineError('source_query', 'Reading', {
      cause: new Error('aborted', { cause: stop.signal.reason }),
    })
    const status = (): Promise<never> => Promise.reject(wrapped)
    expect((await runCli(['status'], { signal: stop.signal, application: { status } })).exitCode).toBe(130)
    expect(run.exitCode).toBe(130)
    expect(run.events()).toEqual([{ event: 'end', outcome: 'interrupted', exitCode: 130 }])
  })
})

describe('the command line', () => {
  test('a misspelt command names the right one, also as JSON', async () => {
    const run = await runCli(['snyc', '--json'])
    expect(run.exitCode).toBe(2)
    expect(run.stderr).toContain('Did you mean sync?')
    expect(run.events().at(-1)).toMatchObject({ event: 'end', outcome: 'failed', code: 'usage' })
  })

  test.each([
    [['sync', '--onec']],
    [['query']],
    [['checkpoint']],
    [['status', 'extra', 'words']],
    [[]],
    [['sync', '--set', 'novalue']],
  ])('%j is a usage error with exit code 2', async (argv) => {
    const run = await runCli(argv)
    expect(run.exitCode).toBe(2)
    expect(run.stdout).toBe('')
    expect(run.stderr).toMatch(/error:|Usage:/)
  })

  test('a mistyped command or option of a command points to the help that has it', async () => {
    expect((await runCli(['nope'])).stderr).toContain('(simplyload --help lists')
    expect((await runCli(['table', 'nope'])).stderr).toContain('(simplyload table --help lists its commands')
    expect((await runCli(['table', 'resync', '--nope'])).stderr).toContain('(simplyload table resync --help lists')
  })

  test('version and help are answers', async () => {
    expect(await runCli(['--version'])).toMatchObject({ exitCode: 0, stdout: '1.2.3\n', stderr: '' })
    const help = await runCli(['sync', '--help'])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    expect(help.stdout).toContain('--once')
    expect(help.stdout).toContain('--config')
    expect((await runCli(['--version', '--json'])).events().map((event) => event.event)).toEqual(['text', 'end'])
  })

  test('global options stand before or after the command, and --set repeats', async () => {
    const opened: ApplicationOptions[] = []
    const open = (options: ApplicationOptions): void => {
      opened.push(options)
    }
    await runCli(
      ['--config', 'a.yaml', '--set', 'sync.interval=1s', 'validate', '--set', 'x.y=a=b', '--log-level', 'warn'],
      { open },
    )
    await runCli(['validate'], { open })
    expect(opened).toMatchObject([
      { configFile: 'a.yaml', settings: ['sync.interval=1s', 'x.y=a=b'], logLevel: 'warn' },
      { configFile: undefined, settings: [], logLevel: 'silent' },
    ])
  })

  test('colours are for terminals, and nobody gets them who refuses', async () => {
    expect((await runCli(['validate'])).stdout).not.toContain('\x1b[')
    expect((await runCli(['validate'], { columns: 80 })).stdout).toContain('\x1b[32m')
    expect((await runCli(['validate', '--no-color'], { columns: 80 })).stdout).not.toContain('\x1b[')
    expect((await runCli(['validate'], { columns: 80, environment: { NO_COLOR: '1' } })).stdout).not.toContain('\x1b[')
  })

  test('the application is closed, also after an error', async () => {
    let closed = 0
    const application = {
      [Symbol.asyncDispose]: async () => {
        closed += 1
      },
      query: async () => ({ columns: [], rows: rowsOf([]) }),
      status: () => Promise.reject(new Error('no')),
    }
    await runCli(['query', 'SELECT 1'], { application })
    await runCli(['status'], { application })
    expect(closed).toBe(2)
  })
})
