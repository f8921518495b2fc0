import { existsSync } from 'node:fs'
import { CONFIG_FILES } from '../core/application.ts'
import { PipelineError } from '../core/errors.ts'

/** The configuration file that the working folder has, or is to have. Two of them would leave it open which one counts. */
export function presentConfigFile(): string {
  const [file = CONFIG_FILES[0], other] = CONFIG_FILES.filter((name) => existsSync(name))
  if (other === undefined) return file
  throw new PipelineError('config_invalid', 'Choosing the configuration file', {
    cause: new Error(`${file} and ${other} are both here`),
    hint: `Remove one of them, or name it: --config ${file}`,
  })
}
