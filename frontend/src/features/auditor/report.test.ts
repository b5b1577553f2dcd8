// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import type { Run } from './queries'
import { progressOf, runWords } from './report'

const RUN: Run = {
  id: 'a', requestedBy: 'b', requestedAt: '2026-01-01T00:00:00Z', state: 'running', step: 'chain', stepDone: 50, stepTotal: 200,
  steps: ['chain', 'registers', 'trades'], startedAt: null, finishedAt: null, failure: null, finalBlock: null, differences: null, verdict: null,
}

test('progress grows from the first block to the last comparison', () => {
  const along = [
    { ...RUN, state: 'queued' as const, step: null },
    RUN,
    { ...RUN, stepDone: 200 },
    { ...RUN, step: 'registers', stepDone: 0, stepTotal: 1 },
    { ...RUN, step: 'trades', stepDone: 0, stepTotal: 1 },
    { ...RUN, state: 'done' as const },
  ].map(progressOf)

  expect(along).toEqual([0, 0.125, 0.5, 0.5, 0.75, 1])
})

test('a run says what it does, or why it failed', () => {
  expect(runWords(RUN)).toBe('Reading the chain, block by block: 50 of 200')
  expect(runWords({ ...RUN, state: 'failed', failure: 'the node is away' })).toBe('the node is away')
  expect(runWords({ ...RUN, state: 'done', differences: 0 })).toBe('No difference')
})
