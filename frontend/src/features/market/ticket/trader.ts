// SPDX-License-Identifier: Apache-2.0
/** Transactions of the market page, sent by the connected wallet. Each is simulated first: a refusal costs nothing. */
import { useConfig as useWagmi } from 'wagmi'
import { getWalletClient } from 'wagmi/actions'
import { publicActions, type Address, type Hex } from 'viem'
import { ApiProblem, type Schemas } from '@/shared/api'
import type { Config } from '@/shared/config'
import { walletProblem } from '@/shared/wallet'
import { refusalIn, TRADE_LOG_ABI } from '../logic/contract'
import { forEncoding, readOrder } from '../logic/order'

export type Reservation = Schemas['ReservationOut']

/** How a direct offer is taken back: the arguments that the API's refusal names. */
export interface Cancellation {
  readonly lane: bigint
  readonly deliveryStart: number
  readonly mask: number
}

export interface Trader {
  /** Sends `fillOffer` and returns the transaction's hash. Throws ApiProblem. */
  fill: (reservation: Reservation) => Promise<Hex>
  /** Sends `cancel` for a direct offer and waits until it is mined. Throws ApiProblem. */
  cancel: (wanted: Cancellation, maker: Address) => Promise<Hex>
  /** Waits until a transaction is mined; `onReplaced` hears of a speed-up. */
  mined: (hash: Hex, onReplaced: (hash: Hex) => void) => Promise<{ block: bigint; isReverted: boolean }>
}

export function useTrader(wanted: Config): Trader {
  const wagmi = useWagmi()
  const open = async (account?: Address) => {
    const wallet = await getWalletClient(wagmi, { chainId: wanted.chainId, ...(account ? { account } : {}) })
    return wallet.extend(publicActions)
  }
  const address = wanted.contractAddress as Address
  return {
    fill: (reservation) =>
      told(async () => {
        const client = await open(reservation.buyer as Address)
        const { request } = await client.simulateContract({
          address,
          abi: TRADE_LOG_ABI,
          functionName: 'fillOffer',
          args: [
            forEncoding(readOrder(reservation.order)),
            reservation.signature as Hex,
            BigInt(reservation.nonce),
            Number(reservation.energyWh),
            BigInt(reservation.buyerMeter),
          ],
        })
        return client.writeContract(request)
      }),
    cancel: ({ lane, deliveryStart, mask }, maker) =>
      told(async () => {
        const client = await open(maker)
        const { request } = await client.simulateContract({
          address, abi: TRADE_LOG_ABI, functionName: 'cancel', args: [lane, deliveryStart, mask],
        }) // prettier-ignore
        const hash = await client.writeContract(request)
        const receipt = await client.waitForTransactionReceipt({ hash, timeout: WAIT_MS })
        if (receipt.status === 'reverted') throw new ApiProblem(409, 'trade.reverted', 'The transaction was reverted')
        return hash
      }),
    mined: (hash, onReplaced) =>
      told(async () => {
        const client = await open()
        const receipt = await client.waitForTransactionReceipt({
          hash,
          timeout: WAIT_MS,
          onReplaced: ({ reason, transaction }) => reason !== 'cancelled' && onReplaced(transaction.hash),
        })
        return { block: receipt.blockNumber, isReverted: receipt.status === 'reverted' }
      }),
  }
}

const WAIT_MS = 600_000

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const problem = walletProblem(error)
    const name = refusalIn(problem.message)
    throw name === null ? problem : new ApiProblem(422, 'wallet.reverted', problem.message, { name })
  }
}
