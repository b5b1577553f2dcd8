// SPDX-License-Identifier: Apache-2.0
/** JSON of a bundle, read without rounding, and its canonical form (sorted keys, no spaces) that the seal is taken of. */
import { keccak256, stringToBytes, type Hex } from 'viem'
import { BadEncoding } from './encoding'

/** A JSON value whose integers beyond 2^53 are `bigint`; fractions do not occur in a bundle. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const INTEGER = /^-?(?:0|[1-9]\d*)$/
const LARGE = '\u0000integer '

/** The value of JSON text. Throws BadEncoding for a number that is no plain integer, SyntaxError for no JSON. */
export function parseExact(text: string): Json {
  const marked = text.replace(TOKEN, (token) => {
    if (token.startsWith('"')) return token
    if (!INTEGER.test(token) || token === '-0') throw new BadEncoding(`a number that is no plain integer: ${token}`)
    return Number.isSafeInteger(Number(token)) ? token : JSON.stringify(LARGE + token)
  })
  return JSON.parse(marked, (_, value: Json) =>
    typeof value === 'string' && value.startsWith(LARGE) ? BigInt(value.slice(LARGE.length)) : value,
  ) as Json
}

/** Canonical JSON: keys sorted, no spaces. */
export function canonical(value: Json): string {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonical).join(',')}]`
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`).join(',')}}`
}

/** The digest of a bundle: keccak256 of its canonical JSON without `digest`. */
export function seal(bundle: JsonObject): Hex {
  const rest = Object.fromEntries(Object.entries(bundle).filter(([name]) => name !== 'digest'))
  return keccak256(stringToBytes(canonical(rest)))
}

/** A number as JSON carries it: plain while a reader cannot round it. */
export function plain(value: bigint): number | bigint
export function plain(value: bigint | null): number | bigint | null
export function plain(value: bigint | null): number | bigint | null {
  if (value === null) return null
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** A text of a bundle. Throws BadEncoding for anything else. */
export function textOf(value: Json | undefined, name: string): string {
  if (typeof value !== 'string') throw new BadEncoding(`${name}: no text`)
  return value
}

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
