import { type BatchFeatures, NO_FEATURES } from '../core/batch.ts'
import type { StageFile } from '../core/stage.ts'

export function totalFeatures(files: readonly Pick<StageFile, 'features'>[]): BatchFeatures {
  const total = { ...NO_FEATURES }
  for (const { features } of files) {
    for (const name of Object.keys(total) as (keyof BatchFeatures)[]) total[name] += features[name]
  }
  return total
}
