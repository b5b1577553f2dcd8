// SPDX-License-Identifier: Apache-2.0
import { useQueryClient } from '@tanstack/react-query'
import { CircleCheck, Download, FileUp, TriangleAlert } from 'lucide-react'
import { useRef, useState } from 'react'
import { counted, formatDateTime } from '@/shared/format'
import { Button, Card, Checkbox, cn, ProblemNotice, Table, Td, Th } from '@/shared/ui'
import { saveFile } from '@/shared/ui/save'
import type { FileCheck } from './csv'
import { template } from './csv'
import { readingsKey, type House } from './queries'
import { problemsCsv, type Outcome } from './upload'
import { useUpload, type Progress } from './useUpload'

const ROWS_SHOWN = 50

/** Readings from a file: dragged or chosen, looked through, sent in parts, and what became of each row. */
export function UploadCard({ house, isOperator }: { house: House; isOperator: boolean }) {
  const client = useQueryClient()
  const [asOperator, setAsOperator] = useState(false)
  const [correct, setCorrect] = useState(false)
  const upload = useUpload(house, { asOperator, correct }, () => void client.invalidateQueries({ queryKey: readingsKey(house.id) }))
  const { progress } = upload
  return (
    <Card
      title="Upload readings"
      description={`CSV with one line for each ${house.readingMinutes} minutes. Sending the same rows again changes nothing.`}
      actions={
        <Button variant="secondary" size="sm" onClick={() => save('readings-template.csv', template(house.readingMinutes, Date.now()))}>
          <Download aria-hidden /> Template
        </Button>
      }
    >
      <DropZone isBusy={progress.state === 'reading' || progress.state === 'sending'} onFile={upload.look} />
      {isOperator && (
        <div className="mt-4 space-y-3">
          <Checkbox checked={asOperator} onChange={({ target }) => setAsOperator(target.checked)}>
            The community vouches for these readings <span className="text-muted">(fetched from the meter, not declared by the owner)</span>
          </Checkbox>
          <Checkbox checked={correct} onChange={({ target }) => setCorrect(target.checked)}>
            Replace what is recorded <span className="text-muted">(the old value is kept and shown)</span>
          </Checkbox>
        </div>
      )}
      <div aria-live="polite" className="mt-4 empty:hidden">
        <Shown progress={progress} onSend={upload.send} onDrop={upload.clear} />
      </div>
    </Card>
  )
}

function DropZone({ isBusy, onFile }: { isBusy: boolean; onFile: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null)
  const [isOver, setOver] = useState(false)
  return (
    // Dragging is a shortcut; the button inside does the same by keyboard.
    <div
      onDragOver={(event) => { event.preventDefault(); setOver(true) }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        const [file] = event.dataTransfer.files
        if (file && !isBusy) onFile(file)
      }}
      className={cn('flex flex-col items-center gap-3 rounded-xl border-2 border-dashed px-4 py-8 text-center transition-colors', isOver ? 'border-primary bg-primary/10' : 'border-line-strong/50')}
    >
      <FileUp className={cn('size-8', isOver ? 'text-primary' : 'text-muted')} aria-hidden />
      <p className="text-sm text-muted">Drop a CSV file here, or</p>
      <Button variant="secondary" disabled={isBusy} onClick={() => input.current?.click()}>Choose a file</Button>
      <input
        ref={input}
        type="file"
        accept=".csv,text/csv"
        className="sr-only"
        tabIndex={-1}
        aria-label="CSV file with readings"
        onChange={({ target }) => {
          const file = target.files?.[0]
          if (file) onFile(file)
          target.value = ''
        }}
      />
    </div>
  )
}

function Shown({ progress, onSend, onDrop }: { progress: Progress; onSend: () => void; onDrop: () => void }) {
  switch (progress.state) {
    case 'idle':
      return null
    case 'reading':
      return <p className="text-sm text-muted">Reading {progress.name} …</p>
    case 'failed':
      return <ProblemNotice error={progress.problem} onRetry={progress.canGoOn ? onSend : undefined} />
    case 'checked':
      return <Checked name={progress.name} check={progress.check} onSend={onSend} onDrop={onDrop} />
    case 'sending':
      return <Bar sent={progress.sent} rows={progress.rows} />
    case 'done':
      return <Done outcome={progress.outcome} name={progress.name} onDrop={onDrop} />
  }
}

function Bar({ sent, rows }: { sent: number; rows: number }) {
  return (
    <div>
      <p className="mb-2 text-sm tabular-nums">{sent.toLocaleString('en')} of {counted(rows, 'row')} recorded</p>
      <progress className="h-2 w-full overflow-hidden rounded-full accent-(--c-primary)" value={sent} max={rows} aria-label="Rows sent" />
    </div>
  )
}

function Checked({ name, check, onSend, onDrop }: { name: string; check: FileCheck; onSend: () => void; onDrop: () => void }) {
  if (check.header !== null) {
    const { unknown, repeated, missing } = check.header
    return (
      <div role="alert" className="rounded-xl border border-danger/40 bg-danger/5 p-4 text-sm">
        <p className="font-medium">The header line of {name} is not usable</p>
        <ul className="mt-2 list-inside list-disc text-muted">
          {missing.length > 0 && <li>Missing: {missing.join(', ')}</li>}
          {unknown.length > 0 && <li>Unknown: {unknown.map((one) => `“${one}”`).join(', ')}</li>}
          {repeated.length > 0 && <li>Twice: {repeated.join(', ')}</li>}
        </ul>
        <p className="mt-2 text-muted">The template has the names of the columns.</p>
      </div>
    )
  }
  return (
    <div className="rounded-xl border border-line bg-raised p-4">
      <p className="font-medium break-words">{name}</p>
      <p className="mt-1 text-sm text-muted tabular-nums">
        {counted(check.rows, 'row')}
        {check.from !== null && check.to !== null && <> · {formatDateTime(check.from)} to {formatDateTime(check.to)}</>}
      </p>
      {check.bad > 0 && (
        <p className="mt-2 flex items-start gap-2 text-sm text-warning">
          <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
          {counted(check.bad, 'row')} will be refused. The others are recorded all the same.
        </p>
      )}
      {check.bad > 0 && <Rows rows={check.problems} label="Rows that will be refused" />}
      <div className="mt-4 flex flex-wrap gap-2">
        <Button onClick={onSend} disabled={check.good === 0}>Upload {counted(check.good, 'good row')}</Button>
        <Button variant="ghost" onClick={onDrop}>Drop the file</Button>
      </div>
    </div>
  )
}

function Done({ outcome, name, onDrop }: { outcome: Outcome; name: string; onDrop: () => void }) {
  const counts = [
    [outcome.recorded, 'new'], [outcome.repeated, 'known already'], [outcome.raised, 'now attested better'], [outcome.corrected, 'corrected'],
  ] as const
  const Sign = outcome.refused > 0 ? TriangleAlert : CircleCheck
  return (
    <div className="rounded-xl border border-line bg-raised p-4">
      <p className="flex items-center gap-2 font-medium">
        <Sign className={cn('size-5 shrink-0', outcome.refused > 0 ? 'text-warning' : 'text-success')} aria-hidden />
        {counted(outcome.received, 'row')} of {name}
      </p>
      <p className="mt-1 text-sm text-muted tabular-nums">
        {counts.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString('en')} ${what}`).join(' · ') || 'None was recorded'}
        {outcome.refused > 0 && <span className="text-danger"> · {outcome.refused.toLocaleString('en')} refused</span>}
      </p>
      {outcome.rows.length > 0 && <Rows rows={outcome.rows} label="Refused rows" />}
      <div className="mt-4 flex flex-wrap gap-2">
        {outcome.rows.length > 0 && (
          <Button variant="secondary" size="sm" onClick={() => save('refused-rows.csv', problemsCsv(outcome.rows))}><Download aria-hidden /> Refused rows as CSV</Button>
        )}
        <Button variant="ghost" size="sm" onClick={onDrop}>Another file</Button>
      </div>
    </div>
  )
}

function Rows({ rows, label }: { rows: readonly { line: number; field: string; value: string; message: string }[]; label: string }) {
  return (
    <div className="mt-3 max-h-80 overflow-y-auto">
      <Table label={label}>
        <thead><tr><Th num>Line</Th><Th>Column</Th><Th>Value</Th><Th>Why</Th></tr></thead>
        <tbody>
          {rows.slice(0, ROWS_SHOWN).map((row, at) => (
            <tr key={`${row.line}-${at}`}>
              <Td num>{row.line}</Td>
              <Td className="font-mono text-xs">{row.field || '–'}</Td>
              <Td className="max-w-48 truncate font-mono text-xs" title={row.value}>{row.value || 'empty'}</Td>
              <Td className="min-w-48">{row.message}</Td>
            </tr>
          ))}
        </tbody>
      </Table>
      {rows.length > ROWS_SHOWN && <p className="py-2 text-xs text-muted">and {(rows.length - ROWS_SHOWN).toLocaleString('en')} more</p>}
    </div>
  )
}

const save = (name: string, text: string) => saveFile(new Blob([text], { type: 'text/csv' }), name)
