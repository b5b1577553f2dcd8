// SPDX-License-Identifier: Apache-2.0
import { Card } from '@/shared/ui'

const STEPS = [
  ['The event', 'The contract logged the trade: who sold to whom, how much, at which price.'],
  ['The block', 'A path of hashes leads from that event to the block’s header, and the header’s hash is the block’s name.'],
  ['The chain', 'A block hash that you have from elsewhere, or a node of your own, ties the block to the real chain. Only then is the trade proven.'],
] as const

/** What a proof is, for who sees one for the first time. */
export function HowItWorks() {
  return (
    <Card title="What is checked" className="self-start">
      <ol className="space-y-4">
        {STEPS.map(([title, text], place) => (
          <li key={title} className="flex gap-3">
            <span aria-hidden className="grid size-7 shrink-0 place-items-center rounded-full bg-raised text-xs font-semibold text-primary tabular-nums">{place + 1}</span>
            <span className="min-w-0">
              <span className="block text-sm font-medium">{title}</span>
              <span className="mt-0.5 block text-sm text-muted">{text}</span>
            </span>
          </li>
        ))}
      </ol>
      <p className="mt-5 border-t border-line pt-4 text-xs text-muted">
        The same check runs on the command line: <code className="font-mono text-fg">gridx verify proof.json</code>
      </p>
    </Card>
  )
}
