/**
 * The CRC-32 of two pieces together from that of each, as zlib's `crc32_combine` finds it: appending zeros to a message is
 * a linear map of its checksum, and maps of powers of two come from squaring. So each byte is looked at once, although
 * every part of an upload and the whole file have a checksum.
 */

const POLYNOMIAL = 0xedb88320

/** Column n: what becomes of a checksum that has only bit n set. */
type BitMap = Uint32Array

/** Maps for 2^n zero bytes, made as they are needed. */
const POWERS: BitMap[] = []

/** `secondBytes`: length of the piece that `second` is the checksum of. */
export function crc32Combine(first: number, second: number, secondBytes: number): number {
  let appended = first
  for (let power = 0, left = secondBytes; left > 0; power++, left = Math.floor(left / 2)) {
    if (left % 2 === 1) appended = apply(mapOfPower(power), appended)
  }
  return (appended ^ second) >>> 0
}

function mapOfPower(power: number): BitMap {
  for (let made = POWERS.length; made <= power; made++) {
    const before = POWERS[made - 1]
    POWERS.push(before === undefined ? oneZeroByte() : squared(before))
  }
  return POWERS[power] ?? oneZeroByte()
}

function oneZeroByte(): BitMap {
  const oneBit = new Uint32Array(32)
  oneBit[0] = POLYNOMIAL
  for (let bit = 1; bit < 32; bit++) oneBit[bit] = 1 << (bit - 1)
  return squared(squared(squared(oneBit)))
}

function squared(map: BitMap): BitMap {
  return map.map((column) => apply(map, column))
}

function apply(map: BitMap, value: number): number {
  let sum = 0
  for (let bit = 0, left = value >>> 0; left !== 0; bit++, left >>>= 1) {
    if ((left & 1) === 1) sum ^= map[bit] ?? 0
  }
  return sum >>> 0
}
