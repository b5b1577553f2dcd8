// SPDX-License-Identifier: Apache-2.0
/** A certificate of retirement, for whoever has its link: printable, and checked in the visitor's own browser. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Award, FileText, Printer, ShieldAlert, ShieldCheck } from 'lucide-react'
import { ApiProblem } from '@/shared/api'
import { carbonParts, formatDateTime, gramsOf } from '@/shared/format'
import { Button, ButtonLink, buttonStyle, CardSkeleton, cn, EmptyState, Facts, Hash, ProblemNotice } from '@/shared/ui'
import { check, type Verdict } from '../certificate'
import { certificateQuery, type Certificate } from '../queries'

const route = getRouteApi('/certificates/$documentId')

export function CertificatePage() {
  const { documentId } = route.useParams()
  const certificate = useQuery(certificateQuery(documentId))
  if (certificate.isPending) return <CardSkeleton lines={8} className="mx-auto max-w-2xl" />
  if (certificate.isError) {
    const isUnknown = certificate.error instanceof ApiProblem && certificate.error.status === 404
    if (!isUnknown) return <ProblemNotice error={certificate.error} onRetry={() => void certificate.refetch()} />
    return <EmptyState icon={Award} title="There is no such certificate" action={<ButtonLink to="/">To the start</ButtonLink>}>Check the link: a single wrong letter leads nowhere.</EmptyState>
  }
  return <Sheet certificate={certificate.data} />
}

function Sheet({ certificate }: { certificate: Certificate }) {
  const verdict = useQuery({ queryKey: ['carbon', 'verdict', certificate], queryFn: () => check(certificate), staleTime: Infinity })
  const { value, unit } = carbonParts(gramsOf(certificate.carbonKg))
  return (
    <div className="mx-auto max-w-2xl">
      <div className="mb-4 flex flex-wrap justify-end gap-2" data-print="hide">
        <Button variant="secondary" onClick={() => window.print()}><Printer aria-hidden /> Print</Button>
        <a href={`/api/carbon-wallet/certificates/${certificate.id}/pdf`} target="_blank" rel="noreferrer" className={buttonStyle({ variant: 'secondary' })}><FileText aria-hidden /> PDF<span className="sr-only"> (opens in a new tab)</span></a>
      </div>
      <article className="relative overflow-hidden rounded-3xl border border-carbon/40 bg-surface p-6 shadow-card sm:p-10">
        <span aria-hidden className="absolute -top-32 left-1/2 h-64 w-[36rem] -translate-x-1/2 rounded-full bg-carbon/10 blur-3xl" />
        <header className="relative text-center">
          <span className="mx-auto grid size-14 place-items-center rounded-2xl bg-carbon/10 text-carbon"><Award className="size-7" aria-hidden /></span>
          <h1 className="mt-4 text-sm font-semibold tracking-[0.18em] text-muted uppercase">Certificate of carbon retirement</h1>
          <p className="mt-5 text-5xl font-extrabold tracking-tight text-carbon tabular-nums">{value} <span className="text-2xl text-muted">{unit} CO₂e</span></p>
          <p className="mt-1 text-sm text-muted">avoided-emission estimate, retired for ever</p>
          <p className="mx-auto mt-6 max-w-md text-xl font-medium text-balance break-words">“{certificate.reason}”</p>
        </header>
        <Checked verdict={verdict.data} intact={certificate.intact} />
        <Facts
          className="relative mt-6"
          items={[
            ['Wallet', <Hash key="wallet" value={certificate.account} kept={6} />],
            ['Retired', formatDateTime(certificate.retiredAt)],
            ['Document', `number ${certificate.sequence} of this wallet`],
            ['Verification hash', <Hash key="hash" value={certificate.documentHash} kept={8} />],
            ['Signature', <Hash key="signature" value={certificate.signature} kept={8} />],
          ]}
        />
        {certificate.factors.length > 0 && (
          <section className="relative mt-6 border-t border-line pt-4 text-xs text-muted">
            <h2 className="font-semibold text-fg">Emission factors of the energy</h2>
            <ul className="mt-2 space-y-1">{certificate.factors.map((factor) => <li key={factor} className="break-words">{factor}</li>)}</ul>
          </section>
        )}
      </article>
    </div>
  )
}

function Checked({ verdict, intact }: { verdict: Verdict | undefined; intact: boolean }) {
  const isGood = intact && verdict !== undefined && verdict.state !== 'differs'
  const Sign = isGood ? ShieldCheck : ShieldAlert
  const text =
    verdict === undefined
      ? 'Checking hash and signature in your browser …'
      : verdict.state === 'differs'
        ? `Do not rely on this certificate: its ${verdict.what} is not what was signed.`
        : !intact
          ? 'Do not rely on this certificate: the ledger did not move as it says.'
          : verdict.state === 'signed'
            ? 'Checked in your browser: the wallet’s key signed exactly this. That the ledger moved accordingly is what GridX says; every audit checks it.'
            : 'Checked in your browser: the hash is right. The wallet is a contract; it vouched for the signature when this was booked.'
  return (
    <p role="status" className={cn('relative mt-8 flex items-start gap-3 rounded-xl border p-4 text-sm', isGood ? 'border-success/40 bg-success/10 text-success' : verdict === undefined ? 'border-line text-muted' : 'border-danger/50 bg-danger/10 text-danger')}>
      <Sign className="size-5 shrink-0" aria-hidden /> {text}
    </p>
  )
}
