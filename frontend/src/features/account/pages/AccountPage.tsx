// SPDX-License-Identifier: Apache-2.0
import { Card, PageHeader } from '@/shared/ui'
import { Invitations } from '../Invitations'
import { KeysCard } from '../KeysCard'
import { ProfileCard } from '../ProfileCard'
import { SessionsCard } from '../SessionsCard'
import { SignInCard } from '../SignInCard'
import { WalletsCard } from '../WalletsCard'

export function AccountPage() {
  return (
    <>
      <PageHeader title="Account" description="Who you are to GridX, how you sign in, and what acts in your name." />
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <div className="grid gap-5">
          <ProfileCard />
          <Card title="Communities">
            <Invitations />
          </Card>
          <SignInCard />
        </div>
        <div className="grid gap-5">
          <WalletsCard />
          <SessionsCard />
          <KeysCard />
        </div>
      </div>
    </>
  )
}
