// SPDX-License-Identifier: Apache-2.0
/** Pure parts of the live connection: pauses between tries, and reading messages. */
export interface LiveEvent {
  topic: string
  sequence: number
  name: string
  at: string
  data: Record<string, unknown>
}

export type Frame =
  | { type: 'hello'; id: string; topics: string[]; heartbeatS: number }
  | ({ type: 'event'; id: string } & LiveEvent)
  | { type: 'beat'; id: string; at: string }
  | { type: 'resync'; id: string; topics: string[] }
  | { type: 'notice' | 'refused' | 'closing'; code: string; message: string }

const FIRST_MS = 500
const LONGEST_MS = 15_000

/** Pause before the next try: doubling from 0.5 s to 15 s, up to a quarter more so that clients do not come at once. */
export function reconnectPause(failures: number, random = Math.random()): number {
  return Math.min(FIRST_MS * 2 ** Math.min(failures, 10), LONGEST_MS) * (1 + random / 4)
}

export function readFrame(text: string): Frame | null {
  try {
    const frame = JSON.parse(text) as Frame
    return typeof frame === 'object' && typeof frame.type === 'string' ? frame : null
  } catch {
    return null
  }
}
