// SPDX-License-Identifier: Apache-2.0
import { ArrowLeftRight, PlugZap, Sun, type LucideIcon } from 'lucide-react'
import type { Schemas } from '@/shared/api'

const ROLES: readonly { value: Schemas['MarketRole']; label: string; text: string; icon: LucideIcon }[] = [
  { value: 'both', label: 'Sell and buy', text: 'Panels on the roof, and needs of your own', icon: ArrowLeftRight },
  { value: 'seller', label: 'Sell', text: 'You have energy to spare', icon: Sun },
  { value: 'buyer', label: 'Buy', text: 'You want your neighbours’ energy', icon: PlugZap },
]

/** What somebody does in the market; part of a form, its field is `role`. */
export function RoleChoice({ initial }: { initial: Schemas['MarketRole'] }) {
  return (
    <fieldset>
      <legend className="mb-1.5 text-sm font-medium">What do you want to do?</legend>
      <div className="grid gap-2 sm:grid-cols-3">
        {ROLES.map(({ value, label, text, icon: Sign }) => (
          <label
            key={value}
            className="relative flex cursor-pointer items-start gap-3 rounded-xl border border-line-strong/50 bg-raised p-3 hover:bg-hover has-checked:border-primary has-checked:bg-primary/10 has-focus-visible:outline-2 has-focus-visible:outline-primary sm:flex-col"
          >
            <input type="radio" name="role" value={value} defaultChecked={value === initial} className="absolute inset-0 cursor-pointer opacity-0" />
            <Sign className="size-5 text-primary" aria-hidden />
            <span>
              <span className="block text-sm font-medium">{label}</span>
              <span className="block text-xs text-muted">{text}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
