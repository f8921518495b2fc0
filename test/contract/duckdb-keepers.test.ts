import { describeKeepers } from './destination.ts'
import { openDuckDbFixture, PARTS } from './duckdb-fixture.ts'

describeKeepers('DuckDB', () => openDuckDbFixture())
describeKeepers('DuckDB, in parts', () => openDuckDbFixture(PARTS))
