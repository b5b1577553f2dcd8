// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import { readFrame, reconnectPause } from './cursor'

test('pauses double from half a second to fifteen', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 60].map((failures) => reconnectPause(failures, 0))).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  expect(reconnectPause(0, 1)).toBe(625)
})

test('what is no message is none', () => {
  expect(readFrame('{"type":"beat","id":"a","at":"b"}')).toMatchObject({ type: 'beat', id: 'a' })
  expect(readFrame('nonsense')).toBeNull()
  expect(readFrame('{}')).toBeNull()
})
