// SPDX-License-Identifier: Apache-2.0
import type { TypedDataDefinition } from 'viem'

/** EIP712Domain is implied by the domain; viem wants it left out. */
export function typedDataOf(data: unknown): TypedDataDefinition {
  const { types, ...rest } = data as TypedDataDefinition & { types: Record<string, unknown> }
  const kept = Object.fromEntries(Object.entries(types).filter(([name]) => name !== 'EIP712Domain'))
  return { ...rest, types: kept } as TypedDataDefinition
}
