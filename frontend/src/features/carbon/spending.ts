// SPDX-License-Identifier: Apache-2.0
/** From what was asked for to what is booked: prepared by the service, checked here, signed by the wallet, posted. */
import { api, take } from '@/shared/api'
import { signingPlace } from '@/shared/documents/place'
import type { SignedWork } from '@/shared/documents/signing'
import { scaledText } from '@/shared/format'
import { carbonDocument, type Asked, type Prepared } from './documents'

/** What was booked: the id of its document. */
export interface Booked {
  documentId: string
}

/** Spend carbon. Throws ApiProblem, or DocumentDiffers when the service prepared something else; then nothing is signed. */
export async function spend(asked: Asked, userId: string, { sign, onStage }: Parameters<SignedWork<Booked>>[0]): Promise<Booked> {
  onStage('preparing')
  const path = { user_id: userId }
  const { account } = asked
  const carbonKg = scaledText(asked.grams, 3)
  const [place, prepared] = await Promise.all([
    signingPlace(),
    take<Prepared>(
      asked.kind === 'retirement'
        ? api.GET('/api/carbon-wallet/{user_id}/retirements/prepared', { params: { path, query: { account, carbonKg, reason: asked.reason } } })
        : api.GET('/api/carbon-wallet/{user_id}/transfers/prepared', { params: { path, query: { account, carbonKg, recipient: asked.recipient } } }),
    ),
  ])
  const document = carbonDocument(asked, prepared, place)
  onStage('signing')
  const signature = await sign(document)
  onStage('booking')
  const { sequence, previousHash, expiry } = prepared
  const order = { account, carbonKg, sequence, previousHash, expiry, signature }
  const booked =
    asked.kind === 'retirement'
      ? await take(api.POST('/api/carbon-wallet/{user_id}/retirements', { params: { path }, body: { ...order, reason: asked.reason } }))
      : await take(api.POST('/api/carbon-wallet/{user_id}/transfers', { params: { path }, body: { ...order, recipient: asked.recipient } }))
  return { documentId: booked.id }
}
