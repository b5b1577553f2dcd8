// SPDX-License-Identifier: Apache-2.0
/** What is wrong with an order or a purchase before anything is signed: each problem names its field and says what to do. */
import { formatPrice, formatTime, parseScaled, scaledText } from '@/shared/format'

export type Field = 'house' | 'interval' | 'energy' | 'minFill' | 'price' | 'taker' | 'wallet'

export interface Problem {
  readonly field: Field
  readonly text: string
}

export interface OrderForm {
  readonly isBid: boolean
  readonly venue: 'book' | 'direct'
  readonly kind: 'limit' | 'market'
  readonly energy: string
  readonly minFill: string
  readonly price: string
  readonly taker: string
}

/** What is known of the chosen house and interval; null while it is loading or was not chosen. */
export interface Facts {
  readonly now: Date
  readonly interval: { readonly start: Date; readonly gateOpens: Date; readonly gateCloses: Date } | null
  readonly house: HouseFacts | null
  readonly minPriceMicro: bigint
  readonly maxPriceMicro: bigint
  readonly currency: string
  readonly wallet: WalletFacts
}

export interface HouseFacts {
  readonly hindrance: string | null
  readonly wallet: string | null
  readonly offerRestWh: bigint
  readonly bidRestWh: bigint
}

/** `balanceWei` is null while unknown; it counts only where a transaction is sent. */
export interface WalletFacts {
  readonly address: string | null
  readonly chainId: number | null
  readonly wantedChainId: number
  readonly balanceWei: bigint | null
}

/** The amounts of a form that may be signed. */
export interface Amounts {
  readonly energyWh: bigint
  readonly minFillWh: bigint
  readonly priceMicro: bigint
}

export const MAX_ENERGY_WH = 2n ** 32n - 1n
const ADDRESS = /^0x[0-9a-fA-F]{40}$/
const HINDRANCES: Readonly<Record<string, string>> = {
  no_meter: 'This house has no meter yet. Add its meter under Houses.',
  not_enrolled: 'The meter of this house is not enrolled on chain. Ask your community’s operator to enrol it.',
  other_community: 'The meter of this house is enrolled in another community.',
  other_wallet: 'The meter of this house is enrolled to a wallet that is not linked to you.',
}

/** Everything that keeps an order from being signed, in the order of the form; with the amounts when there is nothing. */
export function checkOrder(form: OrderForm, facts: Facts): { problems: Problem[]; amounts: Amounts | null } {
  const energy = readAmount('energy', form.energy, 3, 'kWh')
  const price = readAmount('price', form.price, 6, `${facts.currency} per kWh`)
  const minFill = form.minFill.trim() === '' ? { value: 0n } : readAmount('minFill', form.minFill, 3, 'kWh')
  const problems = [
    ...houseProblems(facts.house),
    ...intervalProblems(facts),
    ...('value' in energy ? energyProblems(energy.value, form, facts) : [energy]),
    ...('value' in minFill ? minFillProblems(minFill.value, 'value' in energy ? energy.value : null) : [minFill]),
    ...('value' in price ? priceProblems(price.value, facts) : [price]),
    ...takerProblems(form, facts.wallet.address),
    ...walletProblems(facts.wallet, facts.house?.wallet ?? null),
  ]
  if (problems.length > 0 || !('value' in energy && 'value' in minFill && 'value' in price)) return { problems, amounts: null }
  return { problems, amounts: { energyWh: energy.value, minFillWh: minFill.value, priceMicro: price.value } }
}

export interface OfferFacts {
  readonly restWh: bigint
  readonly minFillWh: bigint
  readonly gateCloses: Date
}

/** Everything that keeps a direct offer from being bought by an own transaction. */
export function checkPurchase(
  typed: string,
  offer: OfferFacts,
  facts: Pick<Facts, 'now' | 'house' | 'wallet'>,
): { problems: Problem[]; energyWh: bigint | null } {
  const energy = readAmount('energy', typed, 3, 'kWh')
  const problems = [
    ...houseProblems(facts.house),
    ...(facts.now >= offer.gateCloses ? [{ field: 'interval', text: 'This offer can no longer be taken.' } as const] : []),
    ...('value' in energy ? fillProblems(energy.value, offer) : [energy]),
    ...walletProblems(facts.wallet, facts.house?.wallet ?? null),
    ...gasProblems(facts.wallet),
  ]
  return { problems, energyWh: problems.length === 0 && 'value' in energy ? energy.value : null }
}

/** Where the wallet is not ready: not connected, another account than the meter's, another chain. */
export function walletProblems(wallet: WalletFacts, needed: string | null): Problem[] {
  const problem = (text: string): Problem[] => [{ field: 'wallet', text }]
  if (wallet.address === null) return problem('Connect your wallet.')
  if (needed !== null && wallet.address.toLowerCase() !== needed.toLowerCase()) {
    return problem(`Switch to the wallet of your meter: ${needed.slice(0, 6)}…${needed.slice(-4)}.`)
  }
  return wallet.chainId === wallet.wantedChainId ? [] : problem('Switch the wallet to the right network.')
}

/** A wallet without any coin pays no gas. What a transaction costs is known, and compared, once it is to be sent. */
export function gasProblems({ balanceWei }: WalletFacts): Problem[] {
  if (balanceWei === null || balanceWei > 0n) return []
  return [{ field: 'wallet', text: 'The wallet has not enough of the chain’s coin to pay the gas.' }]
}

/** Why a house cannot trade, in words; null: it can. */
export function hindranceText(hindrance: string | null): string | null {
  return hindrance === null ? null : (HINDRANCES[hindrance] ?? 'This house cannot trade.')
}

function houseProblems(house: HouseFacts | null): Problem[] {
  if (house === null) return [{ field: 'house', text: 'Choose a house.' }]
  const text = hindranceText(house.hindrance)
  return text === null ? [] : [{ field: 'house', text }]
}

function intervalProblems({ interval, now }: Facts): Problem[] {
  const problem = (text: string): Problem[] => [{ field: 'interval', text }]
  if (interval === null) return problem('Choose a delivery interval.')
  if (now < interval.gateOpens) return problem(`Orders for this interval are taken from ${formatTime(interval.gateOpens)} on.`)
  return now < interval.gateCloses ? [] : problem('This interval takes no orders any more. Choose a later one.')
}

function energyProblems(energyWh: bigint, form: OrderForm, { house }: Facts): Problem[] {
  const problem = (text: string): Problem[] => [{ field: 'energy', text }]
  if (energyWh === 0n) return problem('Energy must be above zero.')
  if (energyWh > MAX_ENERGY_WH) return problem('One order holds at most 4,294,967.295 kWh.')
  if (house === null) return []
  const restWh = form.isBid ? house.bidRestWh : house.offerRestWh
  if (energyWh <= restWh) return []
  const can = form.isBid ? 'draw' : 'deliver'
  return problem(`The house can ${can} ${scaledText(restWh, 3)} kWh more in this interval, beside its other orders.`)
}

function minFillProblems(minFillWh: bigint, energyWh: bigint | null): Problem[] {
  if (energyWh === null || minFillWh <= energyWh) return []
  return [{ field: 'minFill', text: 'The least fill cannot be more than the energy.' }]
}

function priceProblems(priceMicro: bigint, { minPriceMicro, maxPriceMicro, currency }: Facts): Problem[] {
  const problem = (text: string): Problem[] => [{ field: 'price', text }]
  if (priceMicro === 0n) return problem('The price must be above zero.')
  if (priceMicro < minPriceMicro) return problem(`Your community’s lowest price is ${formatPrice(minPriceMicro, currency)}.`)
  return priceMicro > maxPriceMicro ? problem(`Your community’s highest price is ${formatPrice(maxPriceMicro, currency)}.`) : []
}

function takerProblems({ venue, isBid, kind, taker }: OrderForm, own: string | null): Problem[] {
  const problem = (text: string): Problem[] => [{ field: 'taker', text }]
  if (venue === 'book') return []
  if (isBid || kind === 'market') return problem('Only limit offers can be sold directly; bids go to the book.')
  if (taker.trim() === '') return []
  if (!ADDRESS.test(taker.trim())) return problem('A wallet address has 0x and 40 digits.')
  return taker.trim().toLowerCase() === own?.toLowerCase() ? problem('You cannot sell to yourself.') : []
}

function fillProblems(energyWh: bigint, offer: OfferFacts): Problem[] {
  const problem = (text: string): Problem[] => [{ field: 'energy', text }]
  if (energyWh === 0n) return problem('Energy must be above zero.')
  if (energyWh > offer.restWh) return problem(`${scaledText(offer.restWh, 3)} kWh are left of this offer.`)
  if (energyWh >= offer.minFillWh || energyWh === offer.restWh) return []
  return problem(`This offer is sold in parts of at least ${scaledText(offer.minFillWh, 3)} kWh.`)
}

function readAmount(field: Field, text: string, decimals: number, unit: string): { value: bigint } | Problem {
  const problem = (what: string): Problem => ({ field, text: what })
  if (text.trim() === '') return problem(`Enter an amount in ${unit}.`)
  const value = parseScaled(text, decimals)
  if (value !== null) return value < 0n ? problem('Enter a positive amount.') : { value }
  return problem(/^\d+[.,]\d+$/.test(text.trim()) ? `At most ${decimals} decimals.` : `Enter an amount in ${unit}, such as 1.5.`)
}
