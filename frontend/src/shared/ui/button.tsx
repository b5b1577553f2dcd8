// SPDX-License-Identifier: Apache-2.0
import { Link, type LinkProps } from '@tanstack/react-router'
import { cva, type VariantProps } from 'class-variance-authority'
import { LoaderCircle } from 'lucide-react'
import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { cn } from './cn'

export const buttonStyle = cva(
  'inline-flex items-center weak:justify-center gap-2 rounded-lg font-medium whitespace-nowrap transition-colors select-none ' +
    'disabled:opacity-50 disabled:cursor-not-allowed aria-disabled:opacity-50 [&_svg]:shrink-0 [&_svg]:size-[1.1em]',
  {
    variants: {
      variant: {
        primary: 'bg-primary text-on-primary hover:bg-primary-hover shadow-glow font-semibold',
        secondary: 'bg-raised text-fg border border-line-strong/60 hover:bg-hover',
        ghost: 'text-fg hover:bg-hover',
        danger: 'bg-danger-strong text-white hover:brightness-110',
      },
      size: { sm: 'weak:h-9 px-3 text-sm', md: 'weak:h-11 px-4 text-sm', lg: 'weak:h-12 px-6 text-base', icon: 'size-11' },
    },
    defaultVariants: { variant: 'primary', size: 'md' },
  },
)

type Style = VariantProps<typeof buttonStyle>

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement>, Style {
  /** Something is under way: the button waits and says so. */
  busy?: boolean
}

export function Button({ variant, size, busy = false, className, children, disabled, type = 'button', ...rest }: ButtonProps) {
  return (
    <button {...rest} type={type} disabled={disabled || busy} aria-busy={busy || undefined} className={cn(buttonStyle({ variant, size }), className)}>
      {busy && <LoaderCircle className="animate-spin" aria-hidden />}
      {children}
    </button>
  )
}

/** A link that looks like a button. */
export function ButtonLink({ variant, size, className, children, ...link }: LinkProps & Style & { className?: string; children: ReactNode }) {
  return (
    <Link {...link} className={cn(buttonStyle({ variant, size }), className)}>
      {children}
    </Link>
  )
}
