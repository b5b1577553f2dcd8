// SPDX-License-Identifier: Apache-2.0
/** What a session is used from, in words, so that its owner recognises it. A guess by what browsers call themselves. */

type Known = readonly (readonly [name: string, sign: RegExp])[]

// Others name themselves beside Chrome or Safari, whom they are like: they are looked for first.
const BROWSERS: Known = [
  ['Edge', /\bEdg(?:A|iOS)?\//],
  ['Opera', /\b(?:OPR|OPiOS)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Vivaldi', /\bVivaldi\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /(?:Chrome|Chromium|CriOS)\//],
  ['Safari', /\bVersion\/.*\bSafari\//],
]
const SYSTEMS: Known = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMac OS X\b/],
  ['Linux', /\bLinux\b/],
]

const nameIn = (known: Known, agent: string): string | undefined => known.find(([, sign]) => sign.test(agent))?.[0]

/** `Firefox on Windows`; of a program the name it gives itself; `Unknown device` where nothing was told. */
export function deviceOf(userAgent: string | null): string {
  if (userAgent === null) return 'Unknown device'
  const browser = nameIn(BROWSERS, userAgent)
  const system = nameIn(SYSTEMS, userAgent)
  if (browser !== undefined) return system === undefined ? browser : `${browser} on ${system}`
  const [program = ''] = /^[\w.+-]+/.exec(userAgent) ?? []
  if (program === '' || program === 'Mozilla') return system === undefined ? 'Unknown browser' : `A browser on ${system}`
  return `Program “${program}”`
}
