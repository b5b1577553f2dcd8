// SPDX-License-Identifier: Apache-2.0
import { Check, Copy, ExternalLink } from 'lucide-react'
import { useEffect, useState } from 'react'
import { shortHex } from '@/shared/format'
import { cn } from './cn'

/** An address, hash or key: short to read, whole to copy; a link where an explorer is known. */
export function Hash({ value, href, kept = 4, full = false, className }: { value: string; href?: string | null; kept?: number; full?: boolean; className?: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = () => {
    void navigator.clipboard.writeText(value).then(() => setCopied(true))
  }
  return (
    <span className={cn('inline-flex max-w-full items-center gap-1 align-bottom font-mono text-[0.92em]', className)}>
      {href ? (
        <a href={href} target="_blank" rel="noreferrer" className="inline-flex items-center gap-1 text-link hover:underline" title={value}>
          {shortHex(value, kept)}
          <ExternalLink className="size-3.5" aria-hidden />
          <span className="sr-only">(opens the explorer)</span>
        </a>
      ) : (
        <span title={value} className={full ? 'break-all' : undefined}>{full ? value : shortHex(value, kept)}</span>
      )}
      <button type="button" onClick={copy} className="grid size-6 place-items-center rounded text-muted hover:bg-hover hover:text-fg" aria-label={copied ? 'Copied' : `Copy ${shortHex(value, kept)}`}>
        {copied ? <Check className="size-3.5 text-success" aria-hidden /> : <Copy className="size-3.5" aria-hidden />}
      </button>
    </span>
  )
}
