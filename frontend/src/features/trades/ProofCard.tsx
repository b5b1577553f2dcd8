// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Download, ScanSearch } from 'lucide-react'
import { bundleFile, checkBundle, CheckList, FalsehoodList, loadBundle, OutcomeBanner } from '@/shared/proof'
import { Button, buttonStyle, Card, ProblemNotice, toast } from '@/shared/ui'
import { saveFile } from '@/shared/ui/save'
import { CarbonTransfers } from './CarbonTransfers'

/** Check the trade's proof here and now, take it away as a file, or go on to tie it to a node of one's own. */
export function ProofCard({ tradeId }: { tradeId: string }) {
  const check = useMutation({
    mutationFn: async () => {
      const bundle = await loadBundle(tradeId)
      return { bundle, verdict: await checkBundle(bundle) }
    },
  })
  const save = useMutation({
    mutationFn: async () => saveFile(bundleFile(check.data?.bundle ?? (await loadBundle(tradeId))), `gridx-proof-${tradeId.slice(0, 18)}.json`),
    onError: (error) => toast.problem(error),
  })
  return (
    <Card
      title="Proof"
      description="Header, receipt, path of hashes and event: your browser checks them itself, without asking GridX."
      actions={
        <Button variant="secondary" size="sm" busy={save.isPending} onClick={() => save.mutate()}>
          <Download aria-hidden /> Bundle
        </Button>
      }
    >
      <div className="space-y-5">
        {!check.data && !check.isError && (
          <Button busy={check.isPending} onClick={() => check.mutate()}><ScanSearch aria-hidden /> Check in this browser</Button>
        )}
        {check.isError && <ProblemNotice error={check.error} onRetry={() => check.mutate()} />}
        {check.data && (
          <>
            <OutcomeBanner verdict={check.data.verdict} learned={[]}>
              {check.data.verdict.falsehoods.length === 0 && (
                <Link to="/verify" search={{ trade: tradeId }} reloadDocument className={buttonStyle({ variant: 'secondary', size: 'sm', className: 'mt-4' })}>
                  Make it a proof: compare the block
                </Link>
              )}
            </OutcomeBanner>
            {check.data.verdict.falsehoods.length > 0 && <FalsehoodList falsehoods={check.data.verdict.falsehoods} />}
            <CheckList verdict={check.data.verdict} />
            <CarbonTransfers bundle={check.data.bundle} />
          </>
        )}
      </div>
    </Card>
  )
}
