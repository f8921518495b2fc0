/** A small seeded generator (mulberry32): the same seed gives the same decisions, whatever the machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)]
    if (item === undefined) throw new RangeError('there is nothing to pick from')
    return item
  }

  /** The second part of each pair is its weight. */
  weighted<T>(choices: readonly (readonly [T, number])[]): T {
    let left = this.next() * choices.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [choice, weight] of choices) {
      left -= weight
      if (left < 0) return choice
    }
    return this.pick(choices)[0]
  }

  /** Different items, at most `count`. */
  sample<T>(items: readonly T[], count: number): T[] {
    const rest = [...items]
    const chosen: T[] = []
    while (chosen.length < count && rest.length > 0) chosen.push(...rest.splice(this.integer(0, rest.length - 1), 1))
    return chosen
  }

  /** Random letters and digits: too random to be compressed away. */
  letters(length: number): string {
    let text = ''
    while (text.length < length) text += this.next().toString(36).slice(2)
    return text.slice(0, length)
  }

  /** A generator of its own, so that what one part decides does not depend on what another one does meanwhile. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 4_294_967_296))
  }
}
