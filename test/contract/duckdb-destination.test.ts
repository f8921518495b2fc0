import { describeDestination, describeMerging } from './destination.ts'
import { openDuckDbFixture, PARTS } from './duckdb-fixture.ts'

describeDestination('DuckDB', () => openDuckDbFixture())
describeMerging('DuckDB, in parts', () => openDuckDbFixture(PARTS))
