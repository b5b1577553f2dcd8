// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'
import { cn } from './cn'

export type Tone = 'neutral' | 'success' | 'warning' | 'danger' | 'info' | 'carbon' | 'violet' | 'buy' | 'sell'

const TONES: Record<Tone, string> = {
  neutral: 'border-line-strong/50 text-muted',
  success: 'border-success/40 bg-success/10 text-success',
  warning: 'border-warning/40 bg-warning/10 text-warning',
  danger: 'border-danger/40 bg-danger/10 text-danger',
  info: 'border-info/40 bg-info/10 text-info',
  carbon: 'border-carbon/40 bg-carbon/10 text-carbon',
  violet: 'border-violet/40 bg-violet/10 text-violet',
  buy: 'border-buy/40 bg-buy/10 text-buy',
  sell: 'border-sell/40 bg-sell/10 text-sell',
}

export function Badge({ tone = 'neutral', className, children }: { tone?: Tone; className?: string; children: ReactNode }) {
  return (
    <span className={cn('inline-flex items-center gap-1 rounded-full border px-2.5 py-0.5 text-xs font-medium whitespace-nowrap [&_svg]:size-3.5', TONES[tone], className)}>
      {children}
    </span>
  )
}
