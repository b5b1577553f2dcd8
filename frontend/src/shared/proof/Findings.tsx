// SPDX-License-Identifier: Apache-2.0
/** How a check of a proof is shown: one clear answer, what was checked, what is false, which blocks it rests on. */
import { CircleCheck, CircleDashed, CircleX, ShieldAlert, ShieldCheck, ShieldQuestion } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn, Hash } from '@/shared/ui'
import { missingBlocks, outcomeOf, type Anchoring, type Outcome } from './anchoring'
import type { Falsehood, Verdict } from './check'
import { CHECKS, fieldWords, partState, roleWords, valueWords } from './words'

const LOOKS: Record<Outcome, { sign: typeof ShieldCheck; box: string; text: string }> = {
  proven: { sign: ShieldCheck, box: 'border-success/50 bg-success/10', text: 'text-success' },
  consistent: { sign: ShieldQuestion, box: 'border-info/50 bg-info/10', text: 'text-info' },
  false: { sign: ShieldAlert, box: 'border-danger/50 bg-danger/10', text: 'text-danger' },
}

/** The answer in one line, and what it means. Announced when it changes. */
export function OutcomeBanner({ verdict, learned, children }: { verdict: Verdict; learned: readonly Anchoring[]; children?: ReactNode }) {
  const outcome = outcomeOf(verdict, learned)
  const { sign: Sign, box, text } = LOOKS[outcome]
  const block = verdict.blocks.get('trade')
  const titles: Record<Outcome, string> = {
    proven: `Proven: block ${block?.number ?? ''}`,
    consistent: `Consistent with block ${block?.number ?? ''}`,
    false: 'This proof is false',
  }
  const meaning: Record<Outcome, string> = {
    proven: 'Everything in the bundle follows from a block that somebody other than GridX vouches for.',
    consistent: 'Nothing in the bundle contradicts itself. Anyone can make up a block, so compare its hash with a source that GridX does not choose.',
    false: 'Something in the bundle is not what the chain’s evidence says. Do not rely on it.',
  }
  return (
    <div role="status" data-outcome={outcome} className={cn('rounded-2xl border p-4 sm:p-5', box)}>
      <p className={cn('flex items-center gap-2.5 text-lg font-semibold', text)}>
        <Sign className="size-6 shrink-0" aria-hidden /> {titles[outcome]}
      </p>
      <p className="mt-1.5 text-sm text-fg/90">{meaning[outcome]}</p>
      {outcome !== 'false' && block && (
        <p className="mt-2 text-xs text-muted">Block hash <Hash value={block.hash} full className="text-fg" /></p>
      )}
      {children}
    </div>
  )
}

/** The parts of the check, each done, failed or not reached. */
export function CheckList({ verdict }: { verdict: Verdict }) {
  const signs = { done: CircleCheck, failed: CircleX, skipped: CircleDashed }
  const colors = { done: 'text-success', failed: 'text-danger', skipped: 'text-muted' }
  const said = { done: 'holds', failed: 'does not hold', skipped: 'not reached' }
  return (
    <ul className="space-y-4">
      {CHECKS.map(({ part, title, text }) => {
        const state = partState(verdict, part)
        const Sign = signs[state]
        return (
          <li key={part} className="flex gap-3">
            <Sign className={cn('mt-0.5 size-5 shrink-0', colors[state])} aria-hidden />
            <div className="min-w-0">
              <p className="text-sm font-medium">{title}<span className="sr-only">: {said[state]}</span></p>
              <p className="mt-0.5 text-sm text-muted">{text}</p>
            </div>
          </li>
        )
      })}
    </ul>
  )
}

/** What is false, field by field. */
export function FalsehoodList({ falsehoods }: { falsehoods: readonly Falsehood[] }) {
  return (
    <ul className="space-y-3" aria-label="What is false">
      {falsehoods.map((falsehood, place) => (
        <li key={place} className="rounded-xl border border-danger/40 bg-danger/5 p-3 text-sm">
          <p className="font-medium text-danger">{fieldWords(falsehood.field)}</p>
          {falsehood.note && <p className="mt-1 break-words text-muted">{falsehood.note}</p>}
          {falsehood.evidence !== undefined && (
            <dl className="mt-2 grid gap-1 sm:grid-cols-2 sm:gap-4">
              <div className="min-w-0"><dt className="text-xs text-muted">The bundle says</dt><dd className="break-all">{valueWords(falsehood.field, falsehood.says)}</dd></div>
              <div className="min-w-0"><dt className="text-xs text-muted">The evidence says</dt><dd className="break-all">{valueWords(falsehood.field, falsehood.evidence)}</dd></div>
            </dl>
          )}
        </li>
      ))}
    </ul>
  )
}

/** The blocks on which a claim rests, and which of them nobody independent has vouched for yet. */
export function BlockList({ verdict, learned }: { verdict: Verdict; learned: readonly Anchoring[] }) {
  const missing = missingBlocks(verdict, learned)
  return (
    <ul className="divide-y divide-line/60 text-sm">
      {[...verdict.blocks].map(([role, block]) => (
        <li key={role} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 py-2.5 first:pt-0 last:pb-0">
          <span>Block <strong className="tabular-nums">{block.number.toString()}</strong> <span className="text-muted">holds {roleWords(role)}</span></span>
          <span className="flex items-center gap-3">
            <Hash value={block.hash} kept={6} />
            {missing.has(role) && <span className="text-xs text-warning">not anchored yet</span>}
          </span>
        </li>
      ))}
    </ul>
  )
}
