// SPDX-License-Identifier: Apache-2.0
/** What a person sees when a document is signed: the same in words, whether the right account is chosen, each step. */
import { useMutation } from '@tanstack/react-query'
import { Wallet as WalletSign } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { isAddressEqual, type Address, type Hex } from 'viem'
import { shortHex } from '@/shared/format'
import { Button, Facts, ProblemNotice, Stepper, type Step } from '@/shared/ui'
import { ChainGate, useWallet, WalletScope } from '@/shared/wallet'

export type Stage = 'preparing' | 'signing' | 'booking'

/** Prepares, checks, signs and posts; `onStage` tells how far it is. */
export type SignedWork<Result> = (tools: { sign: (document: unknown) => Promise<Hex>; onStage: (stage: Stage) => void }) => Promise<Result>

interface Props<Result> {
  /** The account that must sign. */
  account: string
  /** The type that the wallet shows, such as `CarbonRetirement`. */
  document: string
  /** What is signed, in words. */
  facts: readonly (readonly [ReactNode, ReactNode])[]
  /** What the last step has done when it is done. */
  outcome: string
  work: SignedWork<Result>
  onDone?: (result: Result) => void
  onBack: () => void
  done: (result: Result) => ReactNode
}

const STAGES: readonly Stage[] = ['preparing', 'signing', 'booking']

/** Loads the wallet's library; show it in a dialog. */
export function SignDocument<Result>(props: Props<Result>) {
  return (
    <WalletScope>
      <ChainGate why="The document is signed by your wallet. It costs nothing and sends no transaction.">
        <Signing {...props} />
      </ChainGate>
    </WalletScope>
  )
}

function Signing<Result>({ account, document, facts, outcome, work, onDone, onBack, done }: Props<Result>) {
  const wallet = useWallet()
  const [stage, setStage] = useState<Stage>('preparing')
  const isRight = wallet.address !== undefined && isAddressEqual(wallet.address, account as Address)
  const signing = useMutation({
    mutationFn: () => work({ sign: (data) => wallet.signTypedData(data, account as Address), onStage: setStage }),
    onSuccess: onDone,
  })
  if (signing.isSuccess) return done(signing.data)
  return (
    <div className="space-y-4">
      <p className="text-sm text-muted">Your wallet will show a “{document}” with exactly these values. If it shows others, decline.</p>
      <Facts items={facts} className="rounded-xl border border-line bg-raised p-4" />
      {!isRight && (
        <p role="alert" className="flex items-start gap-2 rounded-xl border border-warning/40 bg-warning/10 p-3 text-sm text-warning">
          <WalletSign className="mt-0.5 size-4 shrink-0" aria-hidden />
          Choose the account {shortHex(account)} in your wallet: it has to sign this.
        </p>
      )}
      {(signing.isPending || signing.isError) && <Stepper label="Progress" steps={stepsOf(outcome, stage, signing.isError)} />}
      {signing.isError && <ProblemNotice error={signing.error} />}
      <div className="flex flex-wrap justify-end gap-2 border-t border-line pt-4">
        <Button variant="secondary" disabled={signing.isPending} onClick={onBack}>Back</Button>
        <Button busy={signing.isPending} disabled={!isRight} onClick={() => signing.mutate()}>{signing.isError ? 'Try again' : 'Sign in your wallet'}</Button>
      </div>
    </div>
  )
}

function stepsOf(outcome: string, stage: Stage, isFailed: boolean): Step[] {
  const labels: Record<Stage, string> = { preparing: 'Document prepared and checked here', signing: 'Signed by your wallet', booking: outcome }
  const now = STAGES.indexOf(stage)
  return STAGES.map((one, at) => ({ label: labels[one], state: at < now ? 'done' : at > now ? 'waiting' : isFailed ? 'failed' : 'active' }))
}
