// SPDX-License-Identifier: Apache-2.0
/** Retirements and transfers of carbon before they are signed (backend/carbon/documents.py), and what people type for them. */
import { isAddress, isAddressEqual, pad, toHex, type Address, type TypedDataDefinition } from 'viem'
import { documentToSign, type DocumentKind, type Field, type PreparedDocument, type SigningPlace } from '@/shared/documents'
import { parseScaled, scaledText } from '@/shared/format'

const GRAMS: Field = { name: 'grams', type: 'uint256' }
const CHAINED: readonly Field[] = [
  { name: 'sequence', type: 'uint256' },
  { name: 'previousHash', type: 'bytes32' },
  { name: 'expiry', type: 'uint256' },
]
const ACCOUNT: Field = { name: 'account', type: 'address' }
const RETIREMENT: DocumentKind = {
  domain: 'GridX Carbon',
  primaryType: 'CarbonRetirement',
  fields: [ACCOUNT, GRAMS, { name: 'reason', type: 'string' }, ...CHAINED],
}
const TRANSFER: DocumentKind = {
  domain: 'GridX Carbon',
  primaryType: 'CarbonTransfer',
  fields: [ACCOUNT, { name: 'recipient', type: 'address' }, GRAMS, ...CHAINED],
}
const LONGEST_REASON = 280

export interface Prepared extends PreparedDocument {
  account: string
  sequence: number
  previousHash: string
  expiry: number
}

export type Asked =
  | { kind: 'retirement'; account: string; grams: bigint; reason: string }
  | { kind: 'transfer'; account: string; grams: bigint; recipient: string }

/** The typed data to sign for what was asked. Throws DocumentDiffers when the service prepared something else. */
export function carbonDocument(asked: Asked, prepared: Prepared, place: SigningPlace): TypedDataDefinition {
  const { kind, ...content } = asked
  const { sequence, previousHash, expiry } = prepared
  return documentToSign(kind === 'retirement' ? RETIREMENT : TRANSFER, { ...content, sequence, previousHash, expiry }, prepared, place)
}

/** How a typed message names a community's reserve: byte 2, the number in four bytes, zeros. */
export function reserveAddress(community: number): Address {
  return pad(`0x02${toHex(community, { size: 4 }).slice(2)}`, { dir: 'right', size: 20 })
}

/** kg text as whole grams; null when it is not an amount above zero with at most three decimals. */
export function kgToGrams(text: string): bigint | null {
  const grams = parseScaled(text, 3)
  return grams !== null && grams > 0n ? grams : null
}

/** What is wrong with an amount, in words; null: nothing. */
export function amountProblem(text: string, availableGrams: bigint): string | null {
  const grams = kgToGrams(text)
  if (grams === null) return 'Enter kilograms above zero, with at most three decimals.'
  if (grams > availableGrams) return `Only ${scaledText(availableGrams, 3)} kg are available in this wallet.`
  return null
}

/** What is wrong with a reason, in words; null: nothing. It is published on the certificate. */
export function reasonProblem(text: string): string | null {
  const reason = text.trim()
  if (reason === '') return 'Say what the carbon is retired for.'
  if (reason.length > LONGEST_REASON) return `At most ${LONGEST_REASON} characters.`
  // eslint-disable-next-line no-control-regex -- exactly these are refused by the service
  return /[\u0000-\u001f\u007f]/.test(reason) ? 'One line of printable text.' : null
}

/** What is wrong with a recipient, in words; null: nothing. */
export function recipientProblem(text: string, account: string): string | null {
  const recipient = text.trim()
  if (!isAddress(recipient)) return 'Enter a wallet address: 0x and 40 hex digits, without a typing error.'
  if (isAddress(account) && isAddressEqual(recipient, account)) return 'This is the wallet that gives.'
  return null
}
