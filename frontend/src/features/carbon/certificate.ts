// SPDX-License-Identifier: Apache-2.0
/** A certificate checked in the browser: hash and signer computed from what was signed. */
import { hashTypedData, isAddressEqual, recoverAddress, type Address, type Hex, type TypedDataDefinition } from 'viem'
import { gramsOf } from '@/shared/format'

export interface Certified {
  account: string
  carbonKg: string
  reason: string
  sequence: number
  previousHash: string
  documentHash: string
  signature: string
  signedBy: 'key' | 'contract'
  typedData: Record<string, unknown>
}

/** `signed`: all agrees. `contract`: all but the signature, which a contract wallet vouched for on chain. Else what differs. */
export type Verdict = { state: 'signed' | 'contract' } | { state: 'differs'; what: string }

/** Whether message, hash and signature of a certificate agree with what it shows. */
export async function check(shown: Certified): Promise<Verdict> {
  const message = shown.typedData.message as Record<string, unknown> | undefined
  const said: [string, unknown, string][] = [
    ['wallet', String(message?.account).toLowerCase(), shown.account.toLowerCase()],
    ['amount', message?.grams, gramsOf(shown.carbonKg).toString()],
    ['reason', message?.reason, shown.reason],
    ['number of the document', message?.sequence, String(shown.sequence)],
    ['hash of the document before', message?.previousHash, shown.previousHash],
  ]
  for (const [what, signed, seen] of said) if (signed !== seen) return { state: 'differs', what }
  try {
    if (hashTypedData(shown.typedData as unknown as TypedDataDefinition) !== shown.documentHash) return { state: 'differs', what: 'verification hash' }
    if (shown.signedBy === 'contract') return { state: 'contract' }
    const signer = await recoverAddress({ hash: shown.documentHash, signature: shown.signature as Hex })
    return isAddressEqual(signer, shown.account as Address) ? { state: 'signed' } : { state: 'differs', what: 'signature' }
  } catch {
    return { state: 'differs', what: 'signature' }
  }
}
