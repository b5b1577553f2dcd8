// SPDX-License-Identifier: Apache-2.0
/** Amounts as people type them, exactly: kWh to Wh, currency per kWh to micro-units. Nothing is rounded. */

export const WH_DECIMALS = 3
export const MICRO_DECIMALS = 6
export const MAX_ENERGY_WH = 2n ** 32n - 1n
export const MAX_PRICE_MICRO = 2n ** 40n - 1n

export type Parsed = { readonly value: bigint } | { readonly problem: 'empty' | 'not-a-number' | 'too-fine' }

/** Decimal text as a whole number of 10^-decimals units; a comma counts as a point. */
export function parseDecimal(text: string, decimals: number): Parsed {
  const trimmed = text.trim().replace(',', '.')
  if (trimmed === '') return { problem: 'empty' }
  const found = /^(\d{0,15})(?:\.(\d*))?$/.exec(trimmed)
  if (found === null || trimmed === '.') return { problem: 'not-a-number' }
  const [, whole = '', fraction = ''] = found
  const significant = fraction.replace(/0+$/, '')
  if (significant.length > decimals) return { problem: 'too-fine' }
  return { value: BigInt(whole || '0') * 10n ** BigInt(decimals) + BigInt(significant.padEnd(decimals, '0') || '0') }
}

/** The exact decimal text of `value` units of 10^-decimals, without trailing zeros. */
export function decimalText(value: bigint, decimals: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0')
  const fraction = digits.slice(-decimals).replace(/0+$/, '')
  const whole = digits.slice(0, -decimals)
  return `${value < 0n ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''}`
}

/** What the API's decimal text says, in units of 10^-decimals. Throws RangeError for anything else. */
export function exactly(text: string, decimals: number): bigint {
  const negative = text.startsWith('-')
  const parsed = parseDecimal(negative ? text.slice(1) : text, decimals)
  if (!('value' in parsed)) throw new RangeError(`${text} has no ${decimals} decimals`)
  return negative ? -parsed.value : parsed.value
}

/** Money of an energy at a price: micro-units, rounded down as the ledger does. */
export function moneyMicro(energyWh: bigint, priceMicroPerKwh: bigint): bigint {
  return (energyWh * priceMicroPerKwh) / 1000n
}
