// SPDX-License-Identifier: Apache-2.0
/** The chain's node, asked by a test itself: anvil's own methods and plain reads. */
import type { Stack } from './stack'

export async function ask<Result = unknown>(stack: Stack, method: string, ...params: unknown[]): Promise<Result> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const answer = await fetch(stack.rpcUrl, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  const { result, error } = (await answer.json()) as { result: Result; error?: { code: number; message: string } }
  if (error) throw Object.assign(new Error(error.message), { code: error.code })
  return result
}
