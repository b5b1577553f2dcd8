// SPDX-License-Identifier: Apache-2.0
/** Whether a wallet can pay what a transaction may cost, and the words for when it cannot. Amounts in wei. */
import { ApiProblem } from '@/shared/api/problem'
import { scaledText } from '@/shared/format'

const DECIMALS = 18
const SHOWN_DIGITS = 4

export interface Cost {
  readonly gas: bigint
  /** The most that one unit of gas may cost. */
  readonly maxFeeWei: bigint
  readonly valueWei: bigint
}

/** The most that the transaction can take from its sender: gas at its highest price, and the value sent. */
export const mostWei = ({ gas, maxFeeWei, valueWei }: Cost): bigint => gas * maxFeeWei + valueWei

/** Throws ApiProblem `wallet.short` with what the account has and needs, where it cannot pay. */
export function refuseShort(balanceWei: bigint, cost: Cost, account: string, symbol: string): void {
  const neededWei = mostWei(cost)
  if (balanceWei >= neededWei) return
  throw new ApiProblem(409, 'wallet.short', 'The wallet has not enough of the chain’s coin', {
    has: coinText(balanceWei, 'down', symbol),
    needs: coinText(neededWei, 'up', symbol),
    lacks: coinText(neededWei - balanceWei, 'up', symbol),
    account,
  })
}

/** Coins to four digits: a balance rounded down and a cost rounded up never look equal when they are not enough. */
export function coinText(wei: bigint, rounding: 'down' | 'up', symbol: string): string {
  const step = 10n ** BigInt(Math.max(0, wei.toString().length - SHOWN_DIGITS))
  const shown = rounding === 'down' ? (wei / step) * step : ((wei + step - 1n) / step) * step
  return `${scaledText(shown, DECIMALS)} ${symbol}`
}
