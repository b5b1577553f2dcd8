// SPDX-License-Identifier: Apache-2.0
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Hex } from 'viem'
import { api, take } from '@/shared/api'
import { shortHex } from '@/shared/format'
import { updateUser, type User } from '@/shared/session'
import { Button, Field, ProblemNotice, Select, toast } from '@/shared/ui'
import { ChainGate, useWallet, WalletScope } from '@/shared/wallet'
import { walletsQuery } from './queries'

interface Props {
  /** Wallets that are linked now. */
  open: readonly string[]
  onDone: () => void
}

interface Challenge {
  address: string
  nonce: string
  typed: unknown
  signature: Hex
}

/** Link the connected wallet, beside the others or instead of one of them. */
export default function LinkWallet(props: Props) {
  return (
    <WalletScope>
      <ChainGate why="Connect the wallet that you want to link.">
        <Steps {...props} />
      </ChainGate>
    </WalletScope>
  )
}

const same = (one: string | undefined, other: string) => one?.toLowerCase() === other.toLowerCase()

function Steps({ open, onDone }: Props) {
  const client = useQueryClient()
  const wallet = useWallet()
  const [replaces, setReplaces] = useState('')
  const [challenge, setChallenge] = useState<Challenge | null>(null)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<unknown>(null)
  const isLinked = open.some((one) => same(wallet.address, one))

  const doing = (work: () => Promise<void>) => () => {
    setBusy(true)
    setProblem(null)
    work().catch(setProblem).finally(() => setBusy(false))
  }

  const post = async (signed: Challenge, oldSignature?: Hex) => {
    const body = { nonce: signed.nonce, signature: signed.signature, replaces: replaces || null, oldSignature: oldSignature ?? null }
    const { replacements } = await take(api.POST('/api/users/me/wallets', { body }))
    const user: User = await take(api.GET('/api/users/me'))
    updateUser(user)
    await client.invalidateQueries({ queryKey: walletsQuery.queryKey })
    if (replacements.length > 0) toast.info('The change takes effect in 24 hours', 'Until then you can cancel it.')
    else toast.success('Wallet linked')
    onDone()
  }

  const signNew = async () => {
    if (wallet.address === undefined) return
    const typed = await take(api.POST('/api/users/me/wallets/challenge', { body: { address: wallet.address } }))
    const { nonce } = typed.message as { nonce: string }
    const signed = { address: wallet.address, nonce, typed, signature: await wallet.signTypedData(typed) }
    if (replaces) setChallenge(signed)
    else await post(signed)
  }

  const signOld = async (signed: Challenge) => post(signed, await wallet.signTypedData(signed.typed, replaces as Hex))

  return (
    <div className="space-y-4">
      {problem !== null && <ProblemNotice error={problem} />}
      {challenge === null ? (
        <>
          <p className="text-sm">
            Connected: <span className="font-mono">{shortHex(wallet.address ?? '', 6)}</span>
          </p>
          {isLinked && <p className="text-sm text-muted">This wallet is linked already. Choose another account in your wallet.</p>}
          {open.length > 0 && (
            <Field label="It comes" hint="A wallet with trades that are not final cannot give way.">
              {(parts) => (
                <Select {...parts} value={replaces} onChange={(event) => setReplaces(event.target.value)}>
                  <option value="">beside the linked wallets</option>
                  {open.map((one) => (
                    <option key={one} value={one}>
                      instead of {shortHex(one, 6)}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          <Button className="w-full" busy={busy} disabled={isLinked} onClick={doing(signNew)}>
            Sign and link
          </Button>
        </>
      ) : (
        <>
          <p className="text-sm">
            The new wallet has signed. Now choose <span className="font-mono">{shortHex(replaces, 6)}</span> in your wallet and sign with it too: then the change holds at once.
          </p>
          <Button className="w-full" busy={busy} onClick={doing(() => signOld(challenge))}>
            Sign with the old wallet
          </Button>
          <Button className="w-full" variant="secondary" busy={busy} onClick={doing(() => post(challenge))}>
            I no longer have it: change in 24 hours
          </Button>
        </>
      )}
    </div>
  )
}
