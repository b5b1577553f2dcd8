// SPDX-License-Identifier: Apache-2.0
/** The parts of the frame that only signed-in people see; loaded after the first page for everybody else. */
import { Link } from '@tanstack/react-router'
import { CircleUser, LogOut, Menu } from 'lucide-react'
import { useState } from 'react'
import { shortHex } from '@/shared/format'
import { useLiveStatus } from '@/shared/live'
import { setOrganizationId, signOut, useMembership, useUser } from '@/shared/session'
import { Button } from '@/shared/ui/button'
import { cn } from '@/shared/ui/cn'
import { Dialog } from '@/shared/ui/dialog'
import { Brand } from './Brand'
import { NavLinks } from './NavLinks'
import { DAILY, furtherPlaces } from './navigation'

export function SignedInSide() {
  const further = furtherPlaces(useMembership())
  return (
    <>
      <aside className="sticky top-0 hidden h-dvh w-60 flex-col border-r border-line bg-surface lg:flex" data-print="hide">
        <div className="px-5 py-2.5">
          <Brand to="/dashboard" />
        </div>
        <nav aria-label="Main" className="flex-1 overflow-y-auto px-3 py-3">
          <NavLinks places={DAILY} />
          <p className="mt-6 mb-2 px-3 text-xs font-semibold tracking-wide text-muted uppercase">Proof</p>
          <NavLinks places={further} />
        </nav>
        <LiveMark className="px-6 py-4" />
      </aside>
      <BottomBar />
    </>
  )
}

/** Whether figures move by themselves. */
function LiveMark({ className }: { className?: string }) {
  const status = useLiveStatus()
  const words = { idle: null, connecting: 'Connecting …', open: 'Live', dropped: 'Interrupted' }[status]
  if (words === null) return null
  return (
    <p className={cn('flex items-center gap-2 text-xs text-muted', className)}>
      <span aria-hidden className={cn('size-2 rounded-full', status === 'open' ? 'bg-success shadow-glow' : 'bg-warning')} />
      {words}
    </p>
  )
}

function BottomBar() {
  const [open, setOpen] = useState(false)
  const further = furtherPlaces(useMembership())
  const item = 'flex min-h-14 flex-1 flex-col items-center justify-center gap-0.5 text-[11px] font-medium text-muted data-[status=active]:text-primary'
  return (
    <nav aria-label="Main" className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden" data-print="hide">
      {DAILY.slice(0, 4).map(({ to, label, icon: Sign }) => (
        <Link key={to} to={to} className={item}>
          <Sign className="size-5" aria-hidden />
          {label}
        </Link>
      ))}
      <button type="button" className={item} onClick={() => setOpen(true)} aria-haspopup="dialog">
        <Menu className="size-5" aria-hidden />
        More
      </button>
      <Dialog open={open} onOpenChange={setOpen} title="More">
        <NavLinks places={[...DAILY.slice(4), ...further]} onFollow={() => setOpen(false)} />
      </Dialog>
    </nav>
  )
}

export function SignedInTools() {
  const user = useUser()
  const { organization, all } = useMembership()
  const [open, setOpen] = useState(false)
  return (
    <>
      {organization && (
        <span className="hidden max-w-56 truncate text-sm text-muted sm:inline" title="You act for this community">
          {organization.name}
        </span>
      )}
      <Button variant="ghost" size="sm" className="h-11 min-w-0" onClick={() => setOpen(true)} aria-haspopup="dialog" aria-label={`Account of ${user.name}`}>
        <CircleUser aria-hidden />
        <span className="max-w-28 truncate max-sm:sr-only">{user.name}</span>
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={user.name}
        description={user.walletAddress ? shortHex(user.walletAddress, 6) : (user.email ?? undefined)}
        footer={
          <Button variant="secondary" onClick={() => void signOut().finally(() => location.assign('/'))}>
            <LogOut aria-hidden /> Sign out
          </Button>
        }
      >
        {all.length > 1 && (
          <fieldset className="mb-4">
            <legend className="mb-2 text-sm font-medium">You act for</legend>
            {all.map((one) => (
              <label key={one.organization.id} className="flex min-h-11 items-center gap-3 rounded-lg px-2 text-sm hover:bg-hover">
                <input
                  type="radio"
                  name="organization"
                  className="size-4 accent-(--c-primary)"
                  checked={one.organization.id === organization?.id}
                  onChange={() => {
                    setOrganizationId(one.organization.id)
                    location.reload() // everything shown belongs to the former one
                  }}
                />
                <span className="min-w-0 flex-1 truncate">{one.organization.name}</span>
                <span className="text-muted">{one.role ?? 'administrator'}</span>
              </label>
            ))}
          </fieldset>
        )}
        <Link to="/account" onClick={() => setOpen(false)} className="flex min-h-11 items-center gap-3 rounded-lg px-2 text-sm font-medium hover:bg-hover">
          <CircleUser className="size-5 text-muted" aria-hidden />
          Account, wallets, sessions, API keys
        </Link>
      </Dialog>
    </>
  )
}
