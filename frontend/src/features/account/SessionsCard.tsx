// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, takeNothing } from '@/shared/api'
import { formatAgo, formatDateTime } from '@/shared/format'
import { Badge, Button, Card, CardSkeleton, ProblemNotice, Table, Td, Th, toast } from '@/shared/ui'
import { deviceOf } from './device'
import { sessionsQuery } from './queries'

export function SessionsCard() {
  const client = useQueryClient()
  const sessions = useQuery(sessionsQuery)
  const end = useMutation({
    mutationFn: (id: string) => takeNothing(api.DELETE('/api/users/me/sessions/{session_id}', { params: { path: { session_id: id } } })),
    onSuccess: () => toast.success('Session ended'),
    onError: toast.problem,
    onSettled: () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  })
  if (sessions.isPending) return <CardSkeleton />
  if (sessions.isError) return <ProblemNotice error={sessions.error} onRetry={() => void sessions.refetch()} />
  return (
    <Card title="Sessions" description="Where you are signed in. End what you do not recognise.">
      <Table label="Sessions">
        <thead>
          <tr>
            <Th>Device</Th>
            <Th>Last used</Th>
            <Th className="max-sm:hidden">Begun</Th>
            <Th>
              <span className="sr-only">Actions</span>
            </Th>
          </tr>
        </thead>
        <tbody>
          {sessions.data.map((one) => (
            <tr key={one.id}>
              <Td title={one.userAgent ?? undefined}>{deviceOf(one.userAgent)}</Td>
              <Td className="whitespace-nowrap">{formatAgo(one.refreshedAt)}</Td>
              <Td className="tabular-nums max-sm:hidden">{formatDateTime(one.startedAt)}</Td>
              <Td className="text-right">
                {one.isCurrent ? (
                  <Badge tone="success">This one</Badge>
                ) : (
                  <Button variant="secondary" size="sm" busy={end.isPending && end.variables === one.id} onClick={() => end.mutate(one.id)} aria-label={`End the session of ${deviceOf(one.userAgent)}, begun ${formatDateTime(one.startedAt)}`}>
                    End
                  </Button>
                )}
              </Td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  )
}
