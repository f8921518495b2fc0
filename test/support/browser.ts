/** A real browser for pages that the product makes. Tests that want one are left out, with the reason, where there is none. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const NO_BROWSER = 'there is no Chromium here: install it, or name it in the variable CHROMIUM'

/** Undefined: there is none. */
export function browserPath(): string | undefined {
  return PLACES.find((path) => path !== '' && existsSync(path))
}

export async function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
}
