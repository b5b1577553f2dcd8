// SPDX-License-Identifier: Apache-2.0
/** Proof bundles as files and as the API gives them. */
import { takeFile } from '@/shared/api'
import { canonical, isObject, parseExact, type Json, type JsonObject } from './canonical'
import { BadEncoding } from './encoding'

const LARGEST = 64 * 1024 * 1024

/** The bundle in JSON text, also inside the API's envelope. Throws BadEncoding, SyntaxError. */
export function readBundle(text: string): Json {
  if (text.length > LARGEST) throw new BadEncoding('the file is too large for a proof')
  const content = parseExact(text)
  const isEnvelope = isObject(content) && Object.keys(content).sort().join() === 'data,error,meta,timestamp'
  return isEnvelope ? (content.data ?? null) : content
}

/** The bundle of a recorded trade. Throws ApiProblem. */
export async function loadBundle(tradeId: string): Promise<Json> {
  const file = await takeFile(`/api/blockchain/trades/${tradeId}/proof`)
  return readBundle(await file.text())
}

/** The bundle as a file that `gridx verify` takes. */
export function bundleFile(bundle: Json): Blob {
  return new Blob([canonical(bundle)], { type: 'application/json' })
}

/** `chain` of a bundle that was checked. */
export const chainOfBundle = (bundle: Json): JsonObject => (isObject(bundle) && isObject(bundle.chain) ? bundle.chain : {})
