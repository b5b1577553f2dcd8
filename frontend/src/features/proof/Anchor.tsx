// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import {
  askNode, chosenNode, missingBlocks, NodeForm, outcomeOf, trustHashes, type Anchoring, type ChooseNode, type JsonObject, type Verdict,
} from '@/shared/proof'
import { Button, Card, Field, Input } from '@/shared/ui'

interface AnchorProps {
  verdict: Verdict
  chain: JsonObject
  learned: readonly Anchoring[]
  onLearned: (learned: readonly Anchoring[]) => void
}

const HASHES = /0x[0-9a-fA-F]{64}/g

/** Tie the bundle's blocks to the real chain: by a hash from elsewhere, or by a node that the reader chooses. */
export function Anchor({ verdict, chain, learned, onLearned }: AnchorProps) {
  const [hashes, setHashes] = useState('')
  const ask = useMutation({
    mutationFn: async (choose: ChooseNode) => askNode(verdict, chain, await chosenNode(choose)),
    onSuccess: (answer) => onLearned([...learned, answer]),
  })
  const outcome = outcomeOf(verdict, learned)
  if (outcome === 'proven') return null
  const missing = [...missingBlocks(verdict, learned).values()].map((block) => block.number.toString())
  const given = hashes.match(HASHES) ?? []
  const notes = learned.flatMap((part) => part.notes)
  return (
    <Card
      title="Make it a proof"
      description={`Anyone can make up a block. Confirm ${missing.length > 1 ? 'blocks' : 'block'} ${missing.join(', ')} by a source that GridX does not choose.`}
    >
      <div className="grid gap-6 md:grid-cols-2">
        <form
          className="min-w-0 space-y-3"
          onSubmit={(event) => {
            event.preventDefault()
            onLearned([...learned, trustHashes(verdict, given)])
          }}
        >
          <Field label="Block hash from elsewhere" hint="From an explorer, a friend’s node, a newspaper. Several are separated by spaces.">
            {(parts) => <Input {...parts} value={hashes} onChange={(event) => setHashes(event.target.value)} placeholder="0x…" spellCheck={false} autoComplete="off" className="font-mono" />}
          </Field>
          <Button type="submit" variant="secondary" disabled={given.length === 0}>Compare</Button>
        </form>
        <NodeForm onAsk={ask.mutate} isBusy={ask.isPending} />
      </div>
      {(ask.isError || notes.length > 0) && (
        <p role="alert" className="mt-4 text-sm break-words text-warning">{ask.isError ? ask.error.message : notes.at(-1)}</p>
      )}
    </Card>
  )
}
