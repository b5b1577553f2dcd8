// SPDX-License-Identifier: Apache-2.0
import { Tabs as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from './cn'

export interface Tab {
  value: string
  label: ReactNode
  content: ReactNode
}

/** Tabs; arrow keys move between them. `label` names the list. */
export function Tabs({ tabs, value, onChange, label, className }: {
  tabs: readonly Tab[]; value: string; onChange: (value: string) => void; label: string; className?: string
}) {
  return (
    <Radix.Root value={value} onValueChange={onChange} className={className}>
      <Radix.List aria-label={label} className="mb-4 flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="-mb-px border-b-2 border-transparent px-3 py-2.5 text-sm font-medium whitespace-nowrap text-muted hover:text-fg data-[state=active]:border-primary data-[state=active]:text-fg"
          >
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value}>
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  )
}

/** One choice of a few that are all in sight: period, side, resolution. */
export function Segmented<Value extends string>({ options, value, onChange, label, className }: {
  options: readonly { value: Value; label: ReactNode }[]; value: Value; onChange: (value: Value) => void; label: string; className?: string
}) {
  return (
    <div role="radiogroup" aria-label={label} className={cn('inline-flex max-w-full overflow-x-auto rounded-lg border border-line bg-raised p-1', className)}>
      {options.map((option) => (
        <label
          key={option.value}
          className="relative flex min-h-8 cursor-pointer items-center rounded-md px-3 text-sm font-medium whitespace-nowrap text-muted select-none hover:text-fg has-checked:bg-primary has-checked:text-on-primary has-focus-visible:outline-2 has-focus-visible:outline-primary"
        >
          <input
            type="radio"
            name={label}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className="absolute inset-0 cursor-pointer opacity-0"
          />
          {option.label}
        </label>
      ))}
    </div>
  )
}
