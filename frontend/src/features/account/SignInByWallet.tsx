// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'
import { getAddress } from 'viem'
import { api, take, type Schemas } from '@/shared/api'
import { shortHex } from '@/shared/format'
import { Button, ProblemNotice } from '@/shared/ui'
import { ConnectWallet, siweMessage, useWallet, WalletScope, WrongChain } from '@/shared/wallet'

interface Props {
  onEnter: (tokens: Schemas['TokensOut']) => void
}

/** Sign-In with Ethereum: choose a wallet, be on the right network, sign one message. */
export default function SignInByWallet(props: Props) {
  return (
    <WalletScope>
      <Steps {...props} />
    </WalletScope>
  )
}

function Steps({ onEnter }: Props) {
  const wallet = useWallet()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<unknown>(null)
  const { address } = wallet

  const signIn = async () => {
    if (address === undefined) return
    const { nonce } = await take(api.GET('/api/auth/siwe/nonce'))
    const message = siweMessage({
      origin: location.origin, address: getAddress(address), chainId: wallet.wanted.chainId, nonce, issuedAt: new Date(),
    })
    const signature = await wallet.signMessage(message)
    onEnter(await take(api.POST('/api/auth/siwe/verify', { body: { message, signature } })))
  }

  if (address === undefined) return <ConnectWallet />
  if (wallet.isWrongChain) return <WrongChain chainName={wallet.wanted.chainName} />
  return (
    <div className="space-y-3">
      {problem !== null && <ProblemNotice error={problem} />}
      <p className="text-sm text-muted">
        Connected: <span className="font-mono text-fg">{shortHex(address, 6)}</span> on {wallet.wanted.chainName}. Your wallet shows a message to sign; it costs nothing.
      </p>
      <Button
        size="lg"
        className="w-full"
        busy={busy}
        onClick={() => {
          setBusy(true)
          setProblem(null)
          signIn().catch(setProblem).finally(() => setBusy(false))
        }}
      >
        Sign in with this wallet
      </Button>
      <Button variant="ghost" size="sm" className="w-full" onClick={wallet.disconnect}>
        Use another wallet
      </Button>
    </div>
  )
}
