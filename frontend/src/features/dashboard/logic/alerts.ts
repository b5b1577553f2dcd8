// SPDX-License-Identifier: Apache-2.0
/** Alerts in words: what has happened and whether it is good or bad news. */
import { formatDateTime, formatInterval, words } from '@/shared/format'

export interface Alert {
  readonly name: string
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface AlertWords {
  readonly title: string
  readonly text: string | null
  readonly tone: 'danger' | 'warning' | 'info' | 'success'
  readonly isAboutIslands: boolean
}

type Telling = readonly [title: string, tone: AlertWords['tone'], text: (data: Alert['data']) => string | null]

const said = (key: string) => (data: Alert['data']) => (typeof data[key] === 'string' ? data[key] : null)
const time = (key: string) => (data: Alert['data']) => (typeof data[key] === 'string' ? formatDateTime(data[key]) : null)
const nothing = () => null

const TOLD: Readonly<Record<string, Telling>> = {
  'chain.halted.v1': ['The chain is no longer followed', 'danger', said('reason')],
  'chain.resumed.v1': ['The chain is followed again', 'success', nothing],
  'market.relayer_stopped.v1': ['Matched trades wait: nothing is sent to the chain', 'danger', said('reason')],
  'market.relayer_resumed.v1': ['Matched trades are sent to the chain again', 'success', nothing],
  'islands.declared.v1': ['Disaster mode was declared', 'danger', said('reason')],
  'islands.ended.v1': ['Disaster mode has ended', 'success', time('endedAt')],
  'islands.allocated.v1': ['Energy was shared out', 'info', (data) => (typeof data['deliveryStart'] === 'string' ? `For ${formatInterval(data['deliveryStart'], 15)}` : null)],
  'islands.intents_queued.v1': ['Trades are queued for the chain', 'info', (data) => (typeof data['intents'] === 'number' ? `${data['intents']} wait` : null)],
  'islands.intent_conflict.v1': ['A queued trade will not be logged', 'warning', said('reason')],
  'islands.chain_lost.v1': ['The chain cannot be reached', 'warning', () => 'Trading goes on; trades are logged when it is back'],
  'islands.chain_returned.v1': ['The chain can be reached again', 'success', nothing],
}

/** An alert in words; one that is new to this page is told by its name. */
export function alertWords({ name, data }: Alert): AlertWords {
  const told = TOLD[name]
  const isAboutIslands = name.startsWith('islands.')
  if (told === undefined) return { title: words(name.replace(/\.v\d+$/, '').replaceAll('.', ' ')), text: null, tone: 'info', isAboutIslands }
  const [title, tone, text] = told
  return { title, tone, text: text(data), isAboutIslands }
}
