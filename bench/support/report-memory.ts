/** Loaded before another program (`node --import`), tells at its end how much memory it had. */
import { peakRssMiB } from './peak-memory.ts'

process.on('exit', () => process.stderr.write(`peak RSS ${Math.round(peakRssMiB())} MiB\n`))
