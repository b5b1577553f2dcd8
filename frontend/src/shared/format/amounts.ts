// SPDX-License-Identifier: Apache-2.0
/**
 * Amounts are whole numbers (`bigint`): watt-hours, micro-units of currency per kWh, grams. The API writes them as decimal
 * text (kWh, currency, kg); these functions read that text exactly and write it for people. No floats between.
 */
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/

/** `text` as a whole number of 10^-decimals units; null when it is no decimal number or finer than the unit. */
export function parseScaled(text: string, decimals: number): bigint | null {
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text.trim().replace(',', '.')) ?? []
  if (whole === undefined || fraction.replace(/0+$/, '').length > decimals) return null
  const value = BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, '0'))
  return sign === '-' ? -value : value
}

/** Exact decimal text of `value` units of 10^-decimals, without trailing zeros: what the API takes. */
export function scaledText(value: bigint, decimals: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0')
  const fraction = decimals === 0 ? '' : digits.slice(-decimals).replace(/0+$/, '')
  const whole = decimals === 0 ? digits : digits.slice(0, -decimals)
  return `${value < 0n ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''}`
}

function read(text: string, decimals: number, unit: string): bigint {
  const value = parseScaled(text, decimals)
  if (value === null) throw new Error(`not an amount of ${unit}: ${text}`)
  return value
}

/** kWh text of the API to Wh. */
export const whOf = (kwh: string): bigint => read(kwh, 3, 'kWh')
/** Price text of the API (per kWh) to micro-units. */
export const microOf = (price: string): bigint => read(price, 6, 'price')
/** kg text of the API to grams. */
export const gramsOf = (kg: string): bigint => read(kg, 3, 'kg')

/** `value` units of 10^-decimals with `shown` decimals, half away from zero, with thousands separators. */
export function groupedText(value: bigint, decimals: number, shown: number): string {
  const step = 10n ** BigInt(decimals - Math.min(shown, decimals))
  const size = value < 0n ? -value : value
  const rounded = (size + step / 2n) / step
  const digits = rounded.toString().padStart(shown + 1, '0')
  const whole = (shown === 0 ? digits : digits.slice(0, -shown)).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  const text = shown === 0 ? whole : `${whole}.${digits.slice(-shown)}`
  return value < 0n && rounded !== 0n ? `−${text}` : text
}

interface Amount {
  value: string
  unit: string
}

/** Energy with the unit that suits its size: Wh below 1 kWh, kWh, MWh from 10,000 kWh. */
export function energyParts(wh: bigint): Amount {
  const size = wh < 0n ? -wh : wh
  if (size < 1000n) return { value: groupedText(wh, 0, 0), unit: 'Wh' }
  if (size < 10_000_000n) return { value: groupedText(wh, 3, size < 100_000n ? 2 : 1), unit: 'kWh' }
  return { value: groupedText(wh, 6, 2), unit: 'MWh' }
}

/** Mass of CO2e: g below 1 kg, kg, t from 10,000 kg. */
export function carbonParts(grams: bigint): Amount {
  const size = grams < 0n ? -grams : grams
  if (size < 1000n) return { value: groupedText(grams, 0, 0), unit: 'g' }
  if (size < 10_000_000n) return { value: groupedText(grams, 3, size < 100_000n ? 2 : 1), unit: 'kg' }
  return { value: groupedText(grams, 6, 2), unit: 't' }
}

const joined = ({ value, unit }: Amount) => `${value} ${unit}`
export const formatEnergy = (wh: bigint): string => joined(energyParts(wh))
export const formatCarbon = (grams: bigint): string => joined(carbonParts(grams))
/** A price per kWh: four decimals, as energy is priced. */
export const formatPrice = (micro: bigint, currency: string): string => `${groupedText(micro, 6, 4)} ${currency}/kWh`
/** An amount of money in micro-units, two decimals (four below one unit). */
export function formatMoney(micro: bigint, currency: string): string {
  const small = micro > -1_000_000n && micro < 1_000_000n && micro % 10_000n !== 0n
  return `${groupedText(micro, 6, small ? 4 : 2)} ${currency}`
}
/** What energy at a price costs, in micro-units, rounded half up: Wh × micro/kWh ÷ 1000. */
export const costMicro = (wh: bigint, priceMicro: bigint): bigint => (wh * priceMicro + 500n) / 1000n
