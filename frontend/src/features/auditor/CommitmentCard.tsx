// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { CircleCheck, CircleX } from 'lucide-react'
import { shortHex } from '@/shared/format'
import { chosenNode, NodeForm, type ChooseNode } from '@/shared/proof'
import { Card, Facts, Hash } from '@/shared/ui'
import { readCommitment, type Commitment } from './history'
import type { Report } from './report'

/** The contract chains every entry into one head. A node that the auditor chooses says whether it is the audited one. */
export function CommitmentCard({ report }: { report: Report }) {
  const ask = useMutation({
    mutationFn: async (choose: ChooseNode) => readCommitment(await chosenNode(choose), report),
  })
  return (
    <Card title="The contract’s own commitment" description="Count and head of the history stand in the contract. Ask a node that GridX does not choose.">
      <Facts items={[['Entries', report.historyCount.toLocaleString('en')], ['Head', <Hash key="h" value={report.historyHead} kept={6} />]]} className="mb-5" />
      <NodeForm onAsk={ask.mutate} isBusy={ask.isPending} />
      {ask.isError && <p role="alert" className="mt-4 text-sm break-words text-warning">{ask.error.message}</p>}
      {ask.data && <Answer commitment={ask.data} />}
    </Card>
  )
}

function Answer({ commitment: { node, facts } }: { commitment: Commitment }) {
  return (
    <div role="status" className="mt-5 border-t border-line pt-4">
      <p className="mb-3 text-sm font-medium">{facts.every((fact) => fact.holds) ? `${node} confirms the report` : `${node} contradicts the report`}</p>
      <ul className="space-y-2.5 text-sm">
        {facts.map((fact) => (
          <li key={fact.name} className="flex gap-2.5">
            {fact.holds ? <CircleCheck className="size-5 shrink-0 text-success" aria-label="holds" /> : <CircleX className="size-5 shrink-0 text-danger" aria-label="does not hold" />}
            <span className="min-w-0">
              {fact.name}
              {!fact.holds && <span className="block break-words text-danger tabular-nums">report {shortHex(fact.report, 6)}, node {shortHex(fact.chain, 6)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}
