// SPDX-License-Identifier: Apache-2.0
/** Declare an island, end it: fields, the same in words, the operator's signature. Loads the wallet's library. */
import { useQueryClient } from '@tanstack/react-query'
import { CircleCheck } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { SignDocument } from '@/shared/documents/signing'
import { formatDateTime, formatPrice, parseScaled, shortHex } from '@/shared/format'
import { useUser, type Organization } from '@/shared/session'
import { Button, ButtonLink, EmptyState, Field, Hash, Input, Select, Textarea } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { declare, end } from './declaring'
import { declarationProblems, type AskedIsland } from './island'
import { ISLANDS_KEY, type Island } from './queries'

function NoWallet() {
  return <EmptyState title="Link a wallet first" action={<ButtonLink to="/account">To your account</ButtonLink>}>An island is declared and ended by the operator’s own signature.</EmptyState>
}

function Done({ title, children, onClose }: { title: string; children?: ReactNode; onClose: () => void }) {
  return (
    <div className="py-2 text-center" role="status">
      <CircleCheck className="mx-auto size-12 text-success" aria-hidden />
      <p className="mt-3 text-lg font-semibold">{title}</p>
      {children && <p className="mt-1 text-sm text-muted">{children}</p>}
      <Button className="mt-6" onClick={onClose}>Close</Button>
    </div>
  )
}

export function DeclareDialog({ community, onClose }: { community: Organization; onClose: () => void }) {
  const user = useUser()
  const client = useQueryClient()
  const [asked, setAsked] = useState<AskedIsland | null>(null)
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Declare an island"
      description={`The grid is away: ${community.name} shares what it has. Critical loads come first, prices are capped, trading goes on without the chain. It begins now and ends by itself.`}
    >
      {user.wallets.length === 0 ? (
        <NoWallet />
      ) : asked === null ? (
        <DeclareFields community={community} wallets={user.wallets} onAsked={setAsked} />
      ) : (
        <SignDocument
          account={asked.operator}
          document="IslandDeclaration"
          facts={[
            ['Operator', <Hash key="operator" value={asked.operator} />],
            ['Community', `${community.name} (number ${asked.community})`],
            ['Why', asked.reason],
            ['Lasts', `${asked.hours} hours from now`],
            ['Price cap', `${formatPrice(asked.priceCapMicro, community.currency)} (${asked.priceCapMicro.toLocaleString('en')} micro-units)`],
          ]}
          outcome="The community is an island"
          work={(tools) => declare(asked, tools)}
          onDone={() => void client.invalidateQueries({ queryKey: ISLANDS_KEY })}
          onBack={() => setAsked(null)}
          done={(island) => <Done title="Your community is an island" onClose={onClose}>Until {formatDateTime(island.endsAt)}, unless you end it before. Members were told.</Done>}
        />
      )}
    </Dialog>
  )
}

function DeclareFields({ community, wallets, onAsked }: { community: Organization; wallets: readonly string[]; onAsked: (asked: AskedIsland) => void }) {
  const [operator, setOperator] = useState(wallets[0] ?? '')
  const [reason, setReason] = useState('')
  const [hours, setHours] = useState('24')
  const [cap, setCap] = useState('')
  const [isShown, setShown] = useState(false)
  const problems = declarationProblems(reason, hours, cap)
  const shown = isShown ? problems : {}
  const submit = () => {
    setShown(true)
    const priceCapMicro = parseScaled(cap, 6)
    if (Object.keys(problems).length > 0 || priceCapMicro === null || community.communityNumber === null) return
    onAsked({ operator, community: community.communityNumber, reason: reason.trim(), hours: Number(hours), priceCapMicro })
  }
  return (
    <form noValidate className="grid gap-4 sm:grid-cols-2" onSubmit={(event) => { event.preventDefault(); submit() }}>
      <Field label="Why" error={shown.reason} className="sm:col-span-2">
        {(parts) => <Textarea {...parts} value={reason} maxLength={300} onChange={({ target }) => setReason(target.value)} placeholder="Storm: the line to the substation is down" />}
      </Field>
      <Field label="Lasts at most" error={shown.hours} hint="1 to 72; you can end it before.">
        {(parts) => <Input {...parts} value={hours} onChange={({ target }) => setHours(target.value)} inputMode="numeric" unit="hours" />}
      </Field>
      <Field label="Price cap" error={shown.cap} hint="No order above it is taken.">
        {(parts) => <Input {...parts} value={cap} onChange={({ target }) => setCap(target.value)} inputMode="decimal" unit={`${community.currency}/kWh`} />}
      </Field>
      {wallets.length > 1 && (
        <Field label="Signed by" className="sm:col-span-2">
          {(parts) => <Select {...parts} value={operator} onChange={({ target }) => setOperator(target.value)}>{wallets.map((one) => <option key={one} value={one}>{shortHex(one, 6)}</option>)}</Select>}
        </Field>
      )}
      <div className="flex justify-end border-t border-line pt-4 sm:col-span-2"><Button type="submit">Go on</Button></div>
    </form>
  )
}

export function EndDialog({ island, onClose }: { island: Island; onClose: () => void }) {
  const user = useUser()
  const client = useQueryClient()
  const operator = user.wallets[0]
  return (
    <Dialog open onOpenChange={onClose} title="End the island" description="The market is as before from then on. What waits in the queue is logged on chain in its order.">
      {operator === undefined ? (
        <NoWallet />
      ) : (
        <SignDocument
          account={operator}
          document="IslandEnding"
          facts={[['Operator', <Hash key="operator" value={operator} />], ['Declared for', island.reason], ['Declaration', <Hash key="declaration" value={island.declarationHash} />]]}
          outcome="The island has ended"
          work={(tools) => end(island, operator, tools)}
          onDone={() => void client.invalidateQueries({ queryKey: ISLANDS_KEY })}
          onBack={onClose}
          done={() => <Done title="The island has ended" onClose={onClose}>Its report stands on its page.</Done>}
        />
      )}
    </Dialog>
  )
}
