// SPDX-License-Identifier: Apache-2.0
import { FileCheck2 } from 'lucide-react'
import { useId, useState, type DragEvent } from 'react'
import { cn } from '@/shared/ui'

interface BundleDropProps {
  onFile: (file: File) => void
  problem: string | null
  /** Something is shown already: the field is small and offers another file. */
  isSmall: boolean
}

/** Where a bundle is dropped or chosen. */
export function BundleDrop({ onFile, problem, isSmall }: BundleDropProps) {
  const id = useId()
  const [isOver, setOver] = useState(false)
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    const file = event.dataTransfer.files.item(0)
    if (file) onFile(file)
  }
  return (
    <div>
      <label
        htmlFor={id}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        className={cn(
          'flex cursor-pointer items-center justify-center gap-4 rounded-2xl border-2 border-dashed px-6 text-center transition-colors hover:border-primary has-focus-visible:outline-2 has-focus-visible:outline-primary',
          isSmall ? 'py-4' : 'flex-col py-12',
          isOver ? 'border-primary bg-primary/5' : 'border-line-strong/60 bg-surface',
        )}
      >
        <span className="grid size-12 shrink-0 place-items-center rounded-2xl bg-raised text-primary"><FileCheck2 className="size-6" aria-hidden /></span>
        <span>
          <span className="block font-semibold">{isSmall ? 'Check another proof' : 'Drop a proof bundle here'}</span>
          <span className="mt-1 block text-sm text-muted">
            {isSmall ? 'Drop or choose a JSON file.' : 'or choose a JSON file. Every trade’s page offers its bundle for download.'}
          </span>
        </span>
        <input
          id={id}
          type="file"
          accept="application/json,.json"
          className="sr-only"
          onChange={(event) => {
            const file = event.target.files?.item(0)
            if (file) onFile(file)
            event.target.value = ''
          }}
        />
      </label>
      {problem && <p role="alert" className="mt-2 text-sm break-words text-danger">{problem}</p>}
    </div>
  )
}
