// SPDX-License-Identifier: Apache-2.0
import { Link2, Wallet } from 'lucide-react'
import { useState } from 'react'
import { Button, Field, Input } from '@/shared/ui'
import { httpNode, type ChainNode } from './anchoring'
import { walletNode } from './wallet-node'

/** How the reader's own node is found; null: there is none. */
export type ChooseNode = () => ChainNode | Promise<ChainNode | null>

/** A node that the reader chooses: by its address, or the one behind their wallet. */
export function NodeForm({ onAsk, isBusy }: { onAsk: (choose: ChooseNode) => void; isBusy: boolean }) {
  const [url, setUrl] = useState('')
  return (
    <form
      className="min-w-0 space-y-3"
      onSubmit={(event) => {
        event.preventDefault()
        onAsk(() => httpNode(url))
      }}
    >
      <Field label="A node of your own" hint="Its JSON-RPC address; it must allow requests from browsers.">
        {(parts) => <Input {...parts} type="url" required value={url} onChange={({ target }) => setUrl(target.value)} placeholder="http://127.0.0.1:8545" spellCheck={false} className="font-mono" />}
      </Field>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" variant="secondary" busy={isBusy} disabled={!URL.canParse(url)}><Link2 aria-hidden /> Ask this node</Button>
        <Button variant="ghost" disabled={isBusy} onClick={() => onAsk(walletNode)}><Wallet aria-hidden /> Ask my wallet’s node</Button>
      </div>
    </form>
  )
}

/** The chosen node. Throws when there is none. */
export async function chosenNode(choose: ChooseNode): Promise<ChainNode> {
  const node = await choose()
  if (node === null) throw new Error('No wallet was found in this browser.')
  return node
}
