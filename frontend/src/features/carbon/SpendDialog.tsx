// SPDX-License-Identifier: Apache-2.0
/** Retire or give carbon: fields, the same in words, the wallet's signature, the result. Loads the wallet's library. */
import { useQueryClient } from '@tanstack/react-query'
import { CircleCheck } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { getAddress } from 'viem'
import { SignDocument } from '@/shared/documents/signing'
import { gramsOf, scaledText, shortHex } from '@/shared/format'
import { Button, ButtonLink, Field, Hash, Input, Select, Textarea } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { useUser } from '@/shared/session'
import { amountProblem, kgToGrams, reasonProblem, recipientProblem, type Asked } from './documents'
import { walletKey, type CarbonWallet } from './queries'
import { spend } from './spending'

type Kind = Asked['kind']
const TITLES: Record<Kind, string> = { retirement: 'Retire carbon', transfer: 'Give carbon' }
const LEADS: Record<Kind, string> = {
  retirement: 'Retired carbon is gone for ever; a certificate proves it and says what for. This cannot be undone.',
  transfer: 'The other wallet can retire it or give it on. This cannot be undone.',
}

export function SpendDialog({ kind, wallet, onClose }: { kind: Kind; wallet: CarbonWallet; onClose: () => void }) {
  const user = useUser()
  const client = useQueryClient()
  const [asked, setAsked] = useState<Asked | null>(null)
  return (
    <Dialog open onOpenChange={onClose} title={TITLES[kind]} description={LEADS[kind]}>
      {asked === null ? (
        <Fields kind={kind} wallet={wallet} onAsked={setAsked} />
      ) : (
        <SignDocument
          account={asked.account}
          document={kind === 'retirement' ? 'CarbonRetirement' : 'CarbonTransfer'}
          facts={factsOf(asked)}
          outcome={kind === 'retirement' ? 'Retired, certificate made' : 'Booked to the other wallet'}
          work={(tools) => spend(asked, user.id, tools)}
          onDone={() => void client.invalidateQueries({ queryKey: walletKey })}
          onBack={() => setAsked(null)}
          done={({ documentId }) => <Booked asked={asked} documentId={documentId} onClose={onClose} />}
        />
      )}
    </Dialog>
  )
}

function factsOf(asked: Asked): [ReactNode, ReactNode][] {
  return [
    ['Wallet', <Hash key="account" value={asked.account} />],
    ['Amount', `${scaledText(asked.grams, 3)} kg (${asked.grams.toLocaleString('en')} grams)`],
    asked.kind === 'retirement' ? ['What for', asked.reason] : ['To', <Hash key="to" value={asked.recipient} />],
  ]
}

function Fields({ kind, wallet, onAsked }: { kind: Kind; wallet: CarbonWallet; onAsked: (asked: Asked) => void }) {
  const held = wallet.wallets.filter((one) => gramsOf(one.availableKg) > 0n)
  const [account, setAccount] = useState(held[0]?.address ?? '')
  const [amount, setAmount] = useState('')
  const [text, setText] = useState('')
  const [isShown, setShown] = useState(false)
  const available = gramsOf(held.find((one) => one.address === account)?.availableKg ?? '0')
  const wrongAmount = amountProblem(amount, available)
  const wrongText = kind === 'retirement' ? reasonProblem(text) : recipientProblem(text, account)
  const submit = () => {
    setShown(true)
    const grams = kgToGrams(amount)
    if (wrongAmount !== null || wrongText !== null || grams === null) return
    onAsked(kind === 'retirement' ? { kind, account, grams, reason: text.trim() } : { kind, account, grams, recipient: getAddress(text.trim()) })
  }
  return (
    <form noValidate className="space-y-4" onSubmit={(event) => { event.preventDefault(); submit() }}>
      {held.length > 1 && (
        <Field label="Wallet">
          {(parts) => <Select {...parts} value={account} onChange={({ target }) => setAccount(target.value)}>{held.map((one) => <option key={one.address} value={one.address}>{shortHex(one.address)} · {one.availableKg} kg available</option>)}</Select>}
        </Field>
      )}
      <Field label="Amount" error={isShown ? wrongAmount : undefined} hint={<>{scaledText(available, 3)} kg available in {shortHex(account)}</>}>
        {(parts) => <Input {...parts} value={amount} onChange={({ target }) => setAmount(target.value)} inputMode="decimal" unit="kg CO₂e" autoComplete="off" />}
      </Field>
      <Button variant="secondary" size="sm" onClick={() => setAmount(scaledText(available, 3))}>All that is available</Button>
      {kind === 'retirement' ? (
        <Field label="What for" error={isShown ? wrongText : undefined} hint="Stands on the certificate, for everybody who has its link.">
          {(parts) => <Textarea {...parts} value={text} maxLength={300} onChange={({ target }) => setText(target.value)} />}
        </Field>
      ) : (
        <Field label="To the wallet" error={isShown ? wrongText : undefined}>
          {(parts) => <Input {...parts} value={text} onChange={({ target }) => setText(target.value)} className="font-mono" placeholder="0x…" autoComplete="off" spellCheck={false} />}
        </Field>
      )}
      <div className="flex justify-end border-t border-line pt-4"><Button type="submit">Go on</Button></div>
    </form>
  )
}

function Booked({ asked, documentId, onClose }: { asked: Asked; documentId: string; onClose: () => void }) {
  const amount = `${scaledText(asked.grams, 3)} kg`
  return (
    <div className="py-2 text-center" role="status">
      <CircleCheck className="mx-auto size-12 text-success" aria-hidden />
      <p className="mt-3 text-lg font-semibold">{asked.kind === 'retirement' ? `${amount} retired for ever` : `${amount} given to ${shortHex(asked.recipient)}`}</p>
      <div className="mt-6 flex flex-wrap justify-center gap-2">
        {asked.kind === 'retirement' && <ButtonLink to="/certificates/$documentId" params={{ documentId }}>See the certificate</ButtonLink>}
        <Button variant="secondary" onClick={onClose}>Close</Button>
      </div>
    </div>
  )
}
