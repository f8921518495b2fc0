/** Order of test files: what takes long begins first, so that no core is idle while the last file ends. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take longer than their size says, which is what Vitest goes by until it has seen them. */
const LONG: readonly string[] = [
  'test/torture/torture.test.ts',
  'test/contract/snowflake-destination.test.ts',
  'test/contract/snowflake-keepers.test.ts',
  'test/contract/duckdb-destination.test.ts',
  'test/snowflake-statements/statements.test.ts',
  'test/contract/duckdb-keepers.test.ts',
  'test/contract/snowflake-trouble.test.ts',
  'test/integration/state-backends.test.ts',
  'test/integration/s3-sync.test.ts',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((path) => moduleId.endsWith(path))
      return at === -1 ? LONG.length : at
    }
    // A process serves one project: projects stay together, in their order.
    const projects = [...new Set(sorted.map((file) => file.project.name))]
    return projects.flatMap((name) =>
      sorted.filter((file) => file.project.name === name).sort((a, b) => rank(a) - rank(b)),
    )
  }
}
