// SPDX-License-Identifier: Apache-2.0
/**
 * Transactions of the market page, sent by the connected wallet. Each is simulated first and its cost compared with the
 * account's balance: a refusal costs nothing, and the wallet is asked for nothing that cannot be paid.
 */
import { useConfig as useWagmi } from 'wagmi'
import { getWalletClient } from 'wagmi/actions'
import { Eip1559FeesNotSupportedError, publicActions, type Account, type Address, type Hex, type PublicActions } from 'viem'
import { ApiProblem, type Schemas } from '@/shared/api'
import type { Config } from '@/shared/config'
import { walletProblem } from '@/shared/wallet'
import { refusalIn, TRADE_LOG_ABI } from '../logic/contract'
import { refuseShort } from '../logic/fee'
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
  const contract = { address: wanted.contractAddress as Address, abi: TRADE_LOG_ABI }
  const { symbol } = wanted.nativeCurrency
  return {
    fill: (reservation) =>
      told(async () => {
        const client = await open(reservation.buyer as Address)
        const order = forEncoding(readOrder(reservation.order))
        const args = [order, reservation.signature as Hex, BigInt(reservation.nonce), Number(reservation.energyWh), BigInt(reservation.buyerMeter)] as const
        const call = { ...contract, functionName: 'fillOffer', args } as const
        const { request } = await client.simulateContract(call)
        await refuseUnpayable(client, await client.estimateContractGas(call), symbol)
        return client.writeContract(request)
      }),
    cancel: ({ lane, deliveryStart, mask }, maker) =>
      told(async () => {
        const client = await open(maker)
        const call = { ...contract, functionName: 'cancel', args: [lane, deliveryStart, mask] } as const
        const { request } = await client.simulateContract(call)
        await refuseUnpayable(client, await client.estimateContractGas(call), symbol)
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

type Sender = { readonly account: Account } & Pick<PublicActions, 'estimateFeesPerGas' | 'getBalance' | 'getGasPrice'>

/** Throws ApiProblem `wallet.short` where the sender cannot pay `gas` at the price that the network may ask for. */
async function refuseUnpayable(sender: Sender, gas: bigint, symbol: string): Promise<void> {
  const { address } = sender.account
  const [balanceWei, maxFeeWei] = await Promise.all([sender.getBalance({ address }), highestFee(sender)])
  refuseShort(balanceWei, { gas, maxFeeWei, valueWei: 0n }, address, symbol)
}

/** Wei that a unit of gas may cost in the next blocks; on chains without a base fee their gas price. */
async function highestFee(sender: Sender): Promise<bigint> {
  try {
    return (await sender.estimateFeesPerGas()).maxFeePerGas
  } catch (problem) {
    if (!(problem instanceof Eip1559FeesNotSupportedError)) throw problem
    return sender.getGasPrice()
  }
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const problem = walletProblem(error)
    const name = refusalIn(problem.message)
    throw name === null ? problem : new ApiProblem(422, 'wallet.reverted', problem.message, { name })
  }
}
