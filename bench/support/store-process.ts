/** A store in a process of its own, so that neither side of a benchmark shares its time and memory. Keeps sizes only. */
import { FakeS3 } from '../../test/support/fake-s3.ts'

const store = await FakeS3.start({ keepBodies: false })
store.keys.clear()
process.send?.({ endpoint: store.endpoint })
process.once('disconnect', () => process.exit())
