// SPDX-License-Identifier: Apache-2.0
import { Button, Field, Input, Select } from '@/shared/ui'
import { countFilters, isClaims, KINDS, SIDES, SORTS, STATES, type TradeSearch } from './filters'

const WORDS: Readonly<Record<string, string>> = {
  pending: 'Pending', confirmed: 'Confirmed', final: 'Final', failed: 'Failed', orphaned: 'Block replaced',
  sold: 'Sold', bought: 'Bought',
  matched: 'Matched in the book', filled: 'Direct offer taken', logged: 'Logged by one party',
  newest: 'Newest first', oldest: 'Oldest first', largest: 'Most energy first', dearest: 'Highest price first',
}

interface FilterBarProps {
  search: TradeSearch
  onChange: (search: TradeSearch) => void
}

/** What narrows and orders the list; a change begins at its first page. */
export function FilterBar({ search, onChange }: FilterBarProps) {
  const set = (change: Partial<TradeSearch>) => onChange({ ...search, ...change, page: undefined })
  const isOwnClaims = isClaims(search)
  return (
    <div className="mb-5 grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
      <Choice label="State" all="Recorded" names={STATES} value={search.status} onChange={(status) => set({ status })} />
      <Choice label="Side" all="Sold and bought" names={SIDES} value={search.side} onChange={(side) => set({ side })} disabled={isOwnClaims} />
      <Choice label="How" all="Any way" names={KINDS} value={search.kind} onChange={(kind) => set({ kind })} disabled={isOwnClaims} />
      <Field label="From">
        {(parts) => <Input {...parts} type="date" value={search.from ?? ''} max={search.to} disabled={isOwnClaims} onChange={({ target }) => set({ from: target.value || undefined })} />}
      </Field>
      <Field label="To">
        {(parts) => <Input {...parts} type="date" value={search.to ?? ''} min={search.from} disabled={isOwnClaims} onChange={({ target }) => set({ to: target.value || undefined })} />}
      </Field>
      <Choice label="Order" names={SORTS} value={search.sort ?? 'newest'} onChange={(sort) => set({ sort: sort === 'newest' ? undefined : sort })} disabled={isOwnClaims} />
      {countFilters(search) > 0 && (
        <Button variant="ghost" size="sm" className="justify-self-start" onClick={() => onChange(search.sort ? { sort: search.sort } : {})}>
          Clear filters
        </Button>
      )}
    </div>
  )
}

interface ChoiceProps<Name extends string> {
  label: string
  /** Words for no choice; without them one is always chosen. */
  all?: string
  names: readonly Name[]
  value: Name | undefined
  onChange: (value: Name | undefined) => void
  disabled?: boolean
}

function Choice<Name extends string>({ label, all, names, value, onChange, disabled = false }: ChoiceProps<Name>) {
  return (
    <Field label={label}>
      {(parts) => (
        <Select {...parts} value={value ?? ''} disabled={disabled} onChange={({ target }) => onChange(names.find((name) => name === target.value))}>
          {all !== undefined && <option value="">{all}</option>}
          {names.map((name) => <option key={name} value={name}>{WORDS[name] ?? name}</option>)}
        </Select>
      )}
    </Field>
  )
}
