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
