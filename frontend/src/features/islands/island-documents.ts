// SPDX-License-Identifier: Apache-2.0
/** What operators sign. Apart from the rest, because every page shows the banner and few sign. */
import type { TypedDataDefinition } from 'viem'
import { documentToSign, type DocumentKind, type PreparedDocument, type SigningPlace } from '@/shared/documents'
import type { AskedIsland } from './island'

const DOMAIN = 'GridX Islands'
const DECLARATION: DocumentKind = {
  domain: DOMAIN,
  primaryType: 'IslandDeclaration',
  fields: [
    { name: 'operator', type: 'address' },
    { name: 'community', type: 'uint256' },
    { name: 'reason', type: 'string' },
    { name: 'startsAt', type: 'uint256' },
    { name: 'endsAt', type: 'uint256' },
    { name: 'priceCapMicroPerKwh', type: 'uint256' },
    { name: 'expiry', type: 'uint256' },
  ],
}
const ENDING: DocumentKind = {
  domain: DOMAIN,
  primaryType: 'IslandEnding',
  fields: [
    { name: 'operator', type: 'address' },
    { name: 'declaration', type: 'bytes32' },
    { name: 'expiry', type: 'uint256' },
  ],
}

export interface Prepared extends PreparedDocument {
  operator: string
  community: number
  startsAt?: number | null
  endsAt?: number | null
  expiry: number
}

/** The declaration to sign. Throws DocumentDiffers when the service prepared something else, or another length. */
export function declarationDocument(asked: AskedIsland, prepared: Prepared, place: SigningPlace): TypedDataDefinition {
  const startsAt = prepared.startsAt ?? 0
  const message = {
    operator: asked.operator,
    community: asked.community,
    reason: asked.reason,
    startsAt,
    endsAt: startsAt + asked.hours * 3600,
    priceCapMicroPerKwh: asked.priceCapMicro,
    expiry: prepared.expiry,
  }
  return documentToSign(DECLARATION, message, prepared, place)
}

/** The early end of the island with this declaration, to sign. Throws DocumentDiffers. */
export function endingDocument(
  operator: string,
  declarationHash: string,
  prepared: Prepared,
  place: SigningPlace,
): TypedDataDefinition {
  return documentToSign(ENDING, { operator, declaration: declarationHash, expiry: prepared.expiry }, prepared, place)
}
