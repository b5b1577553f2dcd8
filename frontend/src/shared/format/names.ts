// SPDX-License-Identifier: Apache-2.0
/** `0x1234…abcd`. */
export const shortHex = (hex: string, kept = 4): string =>
  hex.length <= 2 * kept + 3 ? hex : `${hex.slice(0, kept + 2)}…${hex.slice(-kept)}`

/** `notEnough`, `NOT_ENOUGH`, `not-enough` as words: `Not enough`. */
export function words(name: string): string {
  const spaced = name.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/[_-]+/g, ' ').toLowerCase()
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}

/** `1 trade`, `3 trades`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`
