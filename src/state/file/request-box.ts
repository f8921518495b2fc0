/** The door of commands to a folder of state that a sync may have. */
import { resolve } from 'node:path'
import type { ControlAnswer, ControlRecord, ControlRequest } from '../../core/control-request.ts'
import type { RequestBox } from '../../core/state.ts'
import { makeFolder } from './durable-file.ts'
import { fileStateError } from './errors.ts'
import { RequestFile } from './request-file.ts'

/** Makes the folder where there is none yet: the first sync then finds what it was asked. */
export async function openFileRequestBox(path: string): Promise<RequestBox> {
  const folder = resolve(path)
  try {
    await makeFolder(folder)
  } catch (error) {
    throw fileStateError(error, `Opening the state ${folder}`, folder)
  }
  return new FileRequestBox(folder)
}

class FileRequestBox implements RequestBox {
  readonly #folder: string
  readonly #requests: RequestFile

  constructor(folder: string) {
    this.#folder = folder
    this.#requests = new RequestFile(folder)
  }

  async ask(request: ControlRequest): Promise<void> {
    this.#do('Writing', () => this.#requests.ask(request))
  }

  async request(id: string): Promise<ControlRecord | undefined> {
    return this.#do('Reading', () => this.#requests.find(id))
  }

  async openRequests(source: string): Promise<readonly ControlRecord[]> {
    return this.#do('Reading', () => this.#requests.open(source))
  }

  async answerRequest(id: string, answer: ControlAnswer): Promise<void> {
    this.#do('Writing', () => this.#requests.answer(id, answer))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each call lets go of what it took.
  }

  #do<T>(doing: 'Reading' | 'Writing', work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw fileStateError(error, `${doing} the state ${this.#folder}`, this.#folder)
    }
  }
}
