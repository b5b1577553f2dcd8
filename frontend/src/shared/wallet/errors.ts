// SPDX-License-Identifier: Apache-2.0
/** What wallets and nodes throw, as an ApiProblem whose code has a text (shared/problems). */
import { BaseError, ContractFunctionRevertedError, InsufficientFundsError, ResourceUnavailableRpcError, UserRejectedRequestError } from 'viem'
import { ApiProblem } from '@/shared/api/problem'

function codeOf(error: unknown): number | undefined {
  const { code, cause } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; cause?: unknown }
  return typeof code === 'number' ? code : cause === undefined ? undefined : codeOf(cause)
}

/** A contract's revert keeps its error's name and facts: `wallet.reverted` with `name` and `args`. */
export function walletProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  const walk = error instanceof BaseError ? (test: (one: unknown) => boolean) => error.walk(test) : () => null
  const reverted = walk((one) => one instanceof ContractFunctionRevertedError)
  if (reverted instanceof ContractFunctionRevertedError) {
    const name = reverted.data?.errorName ?? reverted.reason ?? 'unknown'
    return new ApiProblem(422, 'wallet.reverted', `The contract refuses: ${name}`, { name, args: reverted.data?.args ?? [] })
  }
  const code = codeOf(error)
  const said = error instanceof BaseError ? error.shortMessage : error instanceof Error ? error.message : String(error)
  if (code === 4001 || walk((one) => one instanceof UserRejectedRequestError)) return new ApiProblem(400, 'wallet.rejected', said)
  if (code === -32002 || walk((one) => one instanceof ResourceUnavailableRpcError)) return new ApiProblem(409, 'wallet.request_open', said)
  if (walk((one) => one instanceof InsufficientFundsError) || /insufficient funds/i.test(said)) return new ApiProblem(409, 'wallet.no_gas', said)
  return new ApiProblem(400, 'wallet.failed', said)
}
