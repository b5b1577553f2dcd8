// SPDX-License-Identifier: Apache-2.0
/** Declaring an island and ending it: prepared by the service, checked here, signed by the operator's wallet, posted. */
import { api, take } from '@/shared/api'
import { signingPlace } from '@/shared/documents/place'
import type { SignedWork } from '@/shared/documents/signing'
import { scaledText } from '@/shared/format'
import type { AskedIsland } from './island'
import { declarationDocument, endingDocument, type Prepared } from './island-documents'
import type { Island } from './queries'

type Tools = Parameters<SignedWork<Island>>[0]

/** Throws ApiProblem, or DocumentDiffers when the service prepared something else; then nothing is signed. */
export async function declare(asked: AskedIsland, { sign, onStage }: Tools): Promise<Island> {
  onStage('preparing')
  const { operator, community, reason, hours } = asked
  const priceCap = scaledText(asked.priceCapMicro, 6)
  const prepared: Prepared = await take(api.GET('/api/market/islands/prepared', { params: { query: { operator, reason, hours, priceCap } } }))
  const document = declarationDocument(asked, prepared, await signingPlace())
  onStage('signing')
  const signature = await sign(document)
  onStage('booking')
  const startsAt = prepared.startsAt ?? 0
  const body = { operator, community, reason, startsAt, endsAt: startsAt + hours * 3600, priceCap, expiry: prepared.expiry, signature }
  return take(api.POST('/api/market/islands', { body }))
}

/** Ends an island before its time. Throws as `declare` does. */
export async function end(island: Island, operator: string, { sign, onStage }: Tools): Promise<Island> {
  onStage('preparing')
  const path = { island_id: island.id }
  const prepared: Prepared = await take(api.GET('/api/market/islands/{island_id}/end/prepared', { params: { path, query: { operator } } }))
  const document = endingDocument(operator, island.declarationHash, prepared, await signingPlace())
  onStage('signing')
  const signature = await sign(document)
  onStage('booking')
  return take(api.POST('/api/market/islands/{island_id}/end', { params: { path }, body: { operator, expiry: prepared.expiry, signature } }))
}
