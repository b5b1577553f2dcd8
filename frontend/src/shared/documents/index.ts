// SPDX-License-Identifier: Apache-2.0
/**
 * Documents that a wallet signs (EIP-712) and the service prepares. The message is built here from what was asked for,
 * compared with the prepared one and hashed anew, so that nobody signs anything else.
 */
import { hashTypedData, type Address, type Hex, type TypedDataDefinition } from 'viem'

export interface Field {
  readonly name: string
  readonly type: 'address' | 'uint256' | 'bytes32' | 'string'
}

/** A kind of document: the name of its signing domain, its type and the fields in their order. */
export interface DocumentKind {
  readonly domain: string
  readonly primaryType: string
  readonly fields: readonly Field[]
}

/** Where a signature counts: one contract on one chain; the salt tells a chain that was reset from the one before. */
export interface SigningPlace {
  chainId: number
  contract: string
  salt: string
}

export interface PreparedDocument {
  documentHash: string
  typedData: Record<string, unknown>
}

/** A prepared document that says something else than what was asked for; nothing is signed then. */
export class DocumentDiffers extends Error {
  readonly field: string

  constructor(field: string) {
    super(`The prepared document differs from what you asked for in: ${field}. Nothing was signed.`)
    this.name = 'DocumentDiffers'
    this.field = field
  }
}

const DOMAIN: readonly { name: string; type: string }[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
]

/** The typed data to sign: numbers as decimal text. Throws DocumentDiffers when the service prepared another document. */
export function documentToSign(
  kind: DocumentKind,
  asked: Readonly<Record<string, string | number | bigint>>,
  prepared: PreparedDocument,
  place: SigningPlace,
): TypedDataDefinition {
  const theirs = prepared.typedData.message as Record<string, unknown> | undefined
  const message: Record<string, string> = {}
  for (const { name } of kind.fields) {
    const ours = String(asked[name])
    if (!sameText(ours, theirs?.[name])) throw new DocumentDiffers(name)
    message[name] = ours
  }
  const document: TypedDataDefinition = {
    domain: {
      name: kind.domain,
      version: '1',
      chainId: place.chainId,
      verifyingContract: place.contract as Address,
      salt: place.salt as Hex,
    },
    types: { EIP712Domain: DOMAIN, [kind.primaryType]: kind.fields } as unknown as TypedDataDefinition['types'],
    primaryType: kind.primaryType,
    message,
  }
  if (hashTypedData(document) !== prepared.documentHash) throw new DocumentDiffers('domain')
  return document
}

function sameText(ours: string, theirs: unknown): boolean {
  if (typeof theirs !== 'string' && typeof theirs !== 'number') return false
  const their = String(theirs)
  return ours === their || (ours.startsWith('0x') && ours.toLowerCase() === their.toLowerCase())
}
