// SPDX-License-Identifier: Apache-2.0
import { useId, type ComponentProps, type ReactNode } from 'react'
import { cn } from './cn'

export const inputStyle =
  'weak:h-11 weak:w-full min-w-0 rounded-lg border border-line-strong/70 bg-raised px-3 text-base sm:text-sm text-fg placeholder:text-muted ' +
  'hover:border-line-strong aria-invalid:border-danger disabled:opacity-60 read-only:bg-surface'

interface Parts {
  id: string
  'aria-invalid': true | undefined
  'aria-describedby': string | undefined
}

interface FieldProps {
  label: ReactNode
  hint?: ReactNode
  /** What is wrong with the value; shown and announced. */
  error?: ReactNode
  className?: string
  children: (parts: Parts) => ReactNode
}

/** A label, a control, a hint and an error, tied together: `<Field label="Name">{(parts) => <Input {...parts} />}</Field>`. */
export function Field({ label, hint, error, className, children }: FieldProps) {
  const id = useId()
  const hintId = hint ? `${id}-hint` : undefined
  const errorId = error ? `${id}-error` : undefined
  const describedBy = [errorId, hintId].filter(Boolean).join(' ') || undefined
  return (
    <div className={cn('min-w-0', className)}>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      {children({ id, 'aria-invalid': error ? true : undefined, 'aria-describedby': describedBy })}
      {error && (
        <p id={errorId} role="alert" className="mt-1.5 text-sm text-danger">
          {error}
        </p>
      )}
      {hint && (
        <p id={hintId} className="mt-1.5 text-xs text-muted">
          {hint}
        </p>
      )}
    </div>
  )
}

/** An input; `unit` stands inside at its right end. */
export function Input({ className, unit, ...rest }: ComponentProps<'input'> & { unit?: ReactNode }) {
  if (unit === undefined) return <input {...rest} className={cn(inputStyle, className)} />
  return (
    <span className="relative block">
      <input {...rest} className={cn(inputStyle, 'pr-24 tabular-nums', className)} />
      <span aria-hidden className="pointer-events-none absolute inset-y-0 right-3 flex items-center text-sm text-muted">
        {unit}
      </span>
    </span>
  )
}

export function Select({ className, ...rest }: ComponentProps<'select'>) {
  return <select {...rest} className={cn(inputStyle, 'pr-8', className)} />
}

export function Textarea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea {...rest} className={cn(inputStyle, 'h-auto min-h-24 py-2', className)} />
}

/** A check box with its words. */
export function Checkbox({ children, className, ...rest }: ComponentProps<'input'> & { children: ReactNode }) {
  return (
    <label className={cn('flex items-start gap-3 text-sm', className)}>
      <input {...rest} type="checkbox" className="mt-0.5 size-5 shrink-0 accent-(--c-primary)" />
      <span>{children}</span>
    </label>
  )
}
