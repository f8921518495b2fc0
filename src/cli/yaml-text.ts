/** A YAML scalar that is read back as this text: plain where that is safe, else in double quotes, which are JSON's. */
export function yamlText(text: string): string {
  const reserved = /^(true|false|null|yes|no|on|off|y|n|~)$/i
  return /^[A-Za-z_][\w./-]*$/.test(text) && !reserved.test(text) ? text : JSON.stringify(text)
}
