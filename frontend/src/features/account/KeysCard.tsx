// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import { api, take, takeNothing, type Schemas } from '@/shared/api'
import { formatAgo, formatDate } from '@/shared/format'
import { useMembership } from '@/shared/session'
import { Badge, Button, Card, CardSkeleton, Checkbox, EmptyState, Field, Hash, Input, Pagination, ProblemNotice, Select, Table, Td, Th, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { entries } from './form'
import { keysQuery, type ApiKey } from './queries'

const LIFETIMES = [
  { days: '30', label: '30 days' },
  { days: '90', label: '90 days' },
  { days: '365', label: 'One year' },
  { days: '', label: 'Until it is revoked' },
]

export function KeysCard() {
  const [page, setPage] = useState(1)
  const [making, setMaking] = useState(false)
  const keys = useQuery(keysQuery(page))
  if (keys.isPending) return <CardSkeleton />
  if (keys.isError) return <ProblemNotice error={keys.error} onRetry={() => void keys.refetch()} />
  return (
    <Card
      title="API keys"
      description="For programs of your own. A key never does more than you may, and never changes accounts."
      actions={
        <Button size="sm" variant="secondary" onClick={() => setMaking(true)}>
          <KeyRound aria-hidden /> New key
        </Button>
      }
    >
      {keys.data.items.length === 0 ? (
        <EmptyState icon={KeyRound} title="No keys yet">
          A key lets a program read your data or post readings and trades in your name.
        </EmptyState>
      ) : (
        <KeyTable keys={keys.data.items} />
      )}
      <Pagination {...keys.data} onPage={setPage} />
      <Dialog open={making} onOpenChange={setMaking} title="New API key" description="Its text is shown once; keep it like a password.">
        {making && <NewKey onDone={() => setMaking(false)} />}
      </Dialog>
    </Card>
  )
}

function stateOf(key: ApiKey): { label: string; tone: 'success' | 'neutral' } {
  if (key.revokedAt !== null) return { label: 'Revoked', tone: 'neutral' }
  if (key.expiresAt !== null && Date.parse(key.expiresAt) < Date.now()) return { label: 'Expired', tone: 'neutral' }
  return { label: 'Active', tone: 'success' }
}

function KeyTable({ keys }: { keys: readonly ApiKey[] }) {
  const client = useQueryClient()
  const revoke = useMutation({
    mutationFn: (id: string) => takeNothing(api.DELETE('/api/api-keys/{api_key_id}', { params: { path: { api_key_id: id } } })),
    onSuccess: () => toast.success('Key revoked'),
    onError: toast.problem,
    onSettled: () => client.invalidateQueries({ queryKey: ['account', 'keys'] }),
  })
  return (
    <Table label="API keys">
      <thead>
        <tr>
          <Th>Name</Th>
          <Th>Key</Th>
          <Th>May</Th>
          <Th>Used</Th>
          <Th>State</Th>
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => {
          const state = stateOf(key)
          return (
            <tr key={key.id}>
              <Td className="font-medium">{key.name}</Td>
              <Td className="font-mono text-xs">{key.prefix}…</Td>
              <Td>{key.scopes.join(', ')}</Td>
              <Td className="whitespace-nowrap">{key.lastUsedAt ? formatAgo(key.lastUsedAt) : 'never'}</Td>
              <Td className="whitespace-nowrap">
                <Badge tone={state.tone}>{state.label}</Badge>
                {state.label === 'Active' && key.expiresAt && <span className="ml-2 text-xs text-muted">until {formatDate(key.expiresAt)}</span>}
              </Td>
              <Td className="text-right">
                {state.label === 'Active' && (
                  <Button variant="secondary" size="sm" busy={revoke.isPending && revoke.variables === key.id} onClick={() => revoke.mutate(key.id)} aria-label={`Revoke ${key.name}`}>
                    Revoke
                  </Button>
                )}
              </Td>
            </tr>
          )
        })}
      </tbody>
    </Table>
  )
}

function NewKey({ onDone }: { onDone: () => void }) {
  const client = useQueryClient()
  const { organization } = useMembership()
  const make = useMutation({
    mutationFn: (body: Schemas['ApiKeyIn']) => take(api.POST('/api/api-keys', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['account', 'keys'] }),
  })
  if (make.isSuccess) {
    return (
      <div className="space-y-4">
        <p className="text-sm">Copy it now; it is not shown again.</p>
        <p className="rounded-lg border border-primary/40 bg-raised p-3 text-sm">
          <Hash value={make.data.key} full />
        </p>
        <Button className="w-full" onClick={onDone}>
          I have kept it
        </Button>
      </div>
    )
  }
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault()
        const { name, write, days = '', bound } = entries(event.currentTarget)
        const expiresAt = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null
        make.mutate({ name, scopes: write ? ['read', 'write'] : ['read'], expiresAt, ipAllow: [], orgId: bound && organization ? organization.id : null })
      }}
    >
      {make.isError && <ProblemNotice error={make.error} />}
      <Field label="Name" hint="What the key is for.">
        {(parts) => <Input {...parts} name="name" maxLength={120} required />}
      </Field>
      <Field label="Works for">
        {(parts) => (
          <Select {...parts} name="days" defaultValue="90">
            {LIFETIMES.map(({ days, label }) => (
              <option key={label} value={days}>
                {label}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Checkbox name="write" value="yes">
        May also write: post readings, orders and trades
      </Checkbox>
      {organization && (
        <Checkbox name="bound" value="yes" defaultChecked>
          Only for {organization.name}
        </Checkbox>
      )}
      <Button type="submit" className="w-full" busy={make.isPending}>
        Make the key
      </Button>
    </form>
  )
}
