// SPDX-License-Identifier: Apache-2.0
import { Wallet as WalletSign } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { Button, EmptyState, ProblemNotice } from '@/shared/ui'
import { useWallet } from './useWallet'

/** The wallets of this browser to choose from. */
export function ConnectWallet({ onConnected }: { onConnected?: (address: `0x${string}`) => void }) {
  const { connectors, connect } = useWallet()
  const [busy, setBusy] = useState<string | null>(null)
  const [problem, setProblem] = useState<unknown>(null)
  if (connectors.length === 0) {
    return (
      <p className="rounded-xl border border-line bg-raised p-4 text-sm text-muted">
        <span className="block font-medium text-fg">No wallet was found in this browser</span>
        Install one that follows EIP-6963, such as MetaMask or Rabby, and load this page again.
      </p>
    )
  }
  return (
    <div className="space-y-3">
      {problem !== null && <ProblemNotice error={problem} />}
      {connectors.map((connector) => (
        <Button
          key={connector.uid}
          variant="secondary"
          size="lg"
          className="w-full justify-start"
          busy={busy === connector.uid}
          onClick={() => {
            setBusy(connector.uid)
            setProblem(null)
            connect(connector)
              .then((address) => onConnected?.(address), setProblem)
              .finally(() => setBusy(null))
          }}
        >
          {connector.icon ? <img src={connector.icon} alt="" className="size-6 rounded" /> : <WalletSign aria-hidden />}
          {connector.name}
        </Button>
      ))}
    </div>
  )
}

/** Shows its content once a wallet is connected on the right network; until then, what is missing and a button for it. */
export function ChainGate({ children, why }: { children: ReactNode; why: string }) {
  const { isConnected, isWrongChain, wanted } = useWallet()
  if (!isConnected) {
    return (
      <EmptyState icon={WalletSign} title="Connect your wallet" action={<div className="w-72 max-w-full"><ConnectWallet /></div>}>
        {why}
      </EmptyState>
    )
  }
  if (isWrongChain) return <WrongChain chainName={wanted.chainName} />
  return children
}

/** The wallet is on another network: say which one is wanted, add and switch in one step. */
export function WrongChain({ chainName }: { chainName: string }) {
  const { switchChain } = useWallet()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<unknown>(null)
  return (
    <div role="alert" className="rounded-2xl border border-warning/50 bg-warning/5 p-4">
      <p className="font-medium">Your wallet is on another network</p>
      <p className="mt-1 text-sm text-muted">GridX runs on {chainName}. Your wallet adds the network if it does not know it yet.</p>
      {problem !== null && <ProblemNotice error={problem} className="mt-3" />}
      <Button
        className="mt-4"
        busy={busy}
        onClick={() => {
          setBusy(true)
          setProblem(null)
          switchChain().catch(setProblem).finally(() => setBusy(false))
        }}
      >
        Switch to {chainName}
      </Button>
    </div>
  )
}
