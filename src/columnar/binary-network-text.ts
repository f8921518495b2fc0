/** `inet`, `cidr`, `macaddr`, `macaddr8`, `bit`, `varbit`, `pg_lsn`: binary form → the text that their output functions write. */
import { type DecodeOutcome, INVALID_VALUE, OK } from './decode-outcome.ts'
import type { TextWriter } from './text-writer.ts'
import type { WireBuffer } from './wire-buffer.ts'

const FAMILY_IPV4 = 2
const FAMILY_IPV6 = 3

/** `inet_send`: family, bits of the netmask, whether it is a cidr, number of address bytes, the bytes. */
export function writeInet(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  const view = source.view
  const family = length < 4 ? 0 : view.getUint8(offset)
  if (family === FAMILY_IPV4 && length === 8) {
    for (let index = 0; index < 4; index++) {
      if (index > 0) writer.byte(0x2e)
      writer.padded(view.getUint8(offset + 4 + index), 1)
    }
  } else if (family === FAMILY_IPV6 && length === 20) writeIpv6(writer, view, offset + 4)
  else return INVALID_VALUE
  const bits = view.getUint8(offset + 1)
  const isCidr = view.getUint8(offset + 2) === 1
  if (isCidr || bits !== (family === FAMILY_IPV4 ? 32 : 128)) {
    writer.byte(0x2f)
    writer.padded(bits, 1)
  }
  return OK
}

/** The longest run of two or more zero groups becomes `::`; an IPv4 address inside is written as one (`inet_net_ntop`). */
function writeIpv6(writer: TextWriter, view: DataView, offset: number): void {
  let bestStart = -1
  let bestLength = 1
  for (let start = 0; start < 8; start++) {
    let run = 0
    while (start + run < 8 && view.getUint16(offset + (start + run) * 2) === 0) run++
    if (run > bestLength) {
      bestStart = start
      bestLength = run
    }
    if (run > 0) start += run - 1
  }
  const embeds = bestStart === 0 && (bestLength === 6 || (bestLength === 5 && view.getUint16(offset + 10) === 0xffff))
  for (let group = 0; group < 8; group++) {
    if (bestStart >= 0 && group >= bestStart && group < bestStart + bestLength) {
      if (group === bestStart) writer.byte(0x3a)
      continue
    }
    if (group > 0) writer.byte(0x3a)
    if (group === 6 && embeds) {
      for (let index = 12; index < 16; index++) {
        if (index > 12) writer.byte(0x2e)
        writer.padded(view.getUint8(offset + index), 1)
      }
      return
    }
    writer.ascii(view.getUint16(offset + group * 2).toString(16))
  }
  if (bestStart >= 0 && bestStart + bestLength === 8) writer.byte(0x3a)
}

export function writeMacAddress(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  if (length !== 6 && length !== 8) return INVALID_VALUE
  for (let index = 0; index < length; index++) {
    if (index > 0) writer.byte(0x3a)
    writer.hex(source, offset + index, 1)
  }
  return OK
}

/** `varbit_send`: int32 number of bits, then the bits, most significant first. */
export function writeBits(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  const bits = length < 4 ? -1 : source.view.getInt32(offset)
  if (bits < 0 || length !== 4 + Math.ceil(bits / 8)) return INVALID_VALUE
  const start = writer.open(bits)
  const target = writer.content.view
  for (let bit = 0; bit < bits; bit++) {
    const byte = source.view.getUint8(offset + 4 + (bit >>> 3))
    target.setUint8(start + bit, 0x30 + ((byte >>> (7 - (bit & 7))) & 1))
  }
  return OK
}

export function writeLsn(writer: TextWriter, source: WireBuffer, offset: number, length: number): DecodeOutcome {
  if (length !== 8) return INVALID_VALUE
  writer.ascii(source.view.getUint32(offset).toString(16).toUpperCase())
  writer.byte(0x2f)
  writer.ascii(
    source.view
      .getUint32(offset + 4)
      .toString(16)
      .toUpperCase(),
  )
  return OK
}
