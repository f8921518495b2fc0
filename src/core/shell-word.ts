/** As a shell takes it for one word: names of tables may have spaces and quotes, and hints are there to be copied. */
export function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
