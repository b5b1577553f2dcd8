// SPDX-License-Identifier: Apache-2.0
import { Wallet as WalletSign } from 'lucide-react'
import { useState } from 'react'
import { shortHex } from '@/shared/format'
import { Badge, Button, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { ConnectWallet, useWallet } from '@/shared/wallet'

/** Which wallet signs, and the one step that is missing: connect, or switch the network. */
export function WalletLine() {
  const { address, isConnected, isWrongChain, wanted, switchChain } = useWallet()
  const [open, setOpen] = useState(false)
  const [busy, setBusy] = useState(false)
  const switchOver = () => {
    setBusy(true)
    switchChain().catch(toast.problem).finally(() => setBusy(false))
  }
  return (
    <div className="flex min-h-11 flex-wrap items-center justify-between gap-2 rounded-xl border border-line bg-raised px-3 py-2 text-sm">
      <span className="flex min-w-0 items-center gap-2">
        <WalletSign className="size-4 shrink-0 text-muted" aria-hidden />
        {isConnected && address ? <span className="font-mono text-xs">{shortHex(address)}</span> : <span className="text-muted">No wallet connected</span>}
      </span>
      {!isConnected ? (
        <Button size="sm" variant="secondary" onClick={() => setOpen(true)}>
          Connect
        </Button>
      ) : isWrongChain ? (
        <Button size="sm" busy={busy} onClick={switchOver}>
          Switch to {wanted.chainName}
        </Button>
      ) : (
        <Badge tone="success">{wanted.chainName}</Badge>
      )}
      <Dialog open={open} onOpenChange={setOpen} title="Connect your wallet" description="It signs your orders. Nothing is sent by connecting.">
        <ConnectWallet onConnected={() => setOpen(false)} />
      </Dialog>
    </div>
  )
}
