import { type BatchFeatures, NO_FEATURES } from '../core/batch.ts'
import type { StageFile } from '../core/stage.ts'

type Count = Exclude<keyof BatchFeatures, 'removal'>

/** Without removals of days, which no fold takes. */
export function totalFeatures(files: readonly Pick<StageFile, 'features'>[]): BatchFeatures {
  const total: Record<Count, number> = { ...NO_FEATURES }
  for (const { features } of files) {
    for (const name of Object.keys(NO_FEATURES) as Count[]) total[name] += features[name]
  }
  return total
}

/** A source that writes its files itself, such as parts of files, gives all rows of one the same position. */
export function sharesPositions(files: readonly StageFile[]): boolean {
  return files.some(
    ({ kind, rows, firstPosition, lastPosition }) => kind === 'changes' && rows > 1 && firstPosition === lastPosition,
  )
}
