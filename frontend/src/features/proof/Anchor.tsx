// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { Link2, Wallet } from 'lucide-react'
import { useState, type SyntheticEvent } from 'react'
import {
  askNode, httpNode, missingBlocks, outcomeOf, trustHashes, walletNode, type Anchoring, type ChainNode, type JsonObject, type Verdict,
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
  const [url, setUrl] = useState('')
  const ask = useMutation({
    mutationFn: async (choose: () => ChainNode | Promise<ChainNode | null>) => {
      const node = await choose()
      if (node === null) throw new Error('No wallet was found in this browser.')
      return askNode(verdict, chain, node)
    },
    onSuccess: (answer) => onLearned([...learned, answer]),
  })
  const outcome = outcomeOf(verdict, learned)
  if (outcome === 'proven') return null
  const missing = [...missingBlocks(verdict, learned).values()].map((block) => block.number.toString())
  const given = hashes.match(HASHES) ?? []
  const notes = learned.flatMap((part) => part.notes)
  const submitUrl = (event: SyntheticEvent) => {
    event.preventDefault()
    ask.mutate(() => httpNode(url))
  }
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
        <form className="min-w-0 space-y-3" onSubmit={submitUrl}>
          <Field label="A node of your own" hint="Its JSON-RPC address; it must allow requests from browsers.">
            {(parts) => <Input {...parts} type="url" required value={url} onChange={(event) => setUrl(event.target.value)} placeholder="http://127.0.0.1:8545" spellCheck={false} className="font-mono" />}
          </Field>
          <div className="flex flex-wrap gap-2">
            <Button type="submit" variant="secondary" busy={ask.isPending} disabled={!URL.canParse(url)}><Link2 aria-hidden /> Ask this node</Button>
            <Button variant="ghost" disabled={ask.isPending} onClick={() => ask.mutate(walletNode)}><Wallet aria-hidden /> Ask my wallet’s node</Button>
          </div>
        </form>
      </div>
      {(ask.isError || notes.length > 0) && (
        <p role="alert" className="mt-4 text-sm break-words text-warning">{ask.isError ? ask.error.message : notes.at(-1)}</p>
      )}
    </Card>
  )
}
