/** Files that COPY has loaded, as COPY_HISTORY and LOAD_HISTORY show them. */
import type { TableObject } from '../catalog/catalog-objects.ts'
import type { StageFile } from '../stages/stage-files.ts'

export interface LoadRecord {
  readonly table: TableObject
  readonly file: StageFile
  readonly rows: number
  readonly loadedMs: number
  readonly stage: string
}

const LOADS_MAX = 100_000

export class LoadHistory {
  #loads: LoadRecord[] = []

  add(loads: readonly LoadRecord[]): void {
    this.#loads.push(...loads)
    if (this.#loads.length > LOADS_MAX) this.#loads = this.#loads.slice(LOADS_MAX / 10)
  }

  /** Oldest first. */
  all(): readonly LoadRecord[] {
    return this.#loads
  }
}
