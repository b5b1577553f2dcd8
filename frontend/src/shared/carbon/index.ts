// SPDX-License-Identifier: Apache-2.0
import { queryOptions } from '@tanstack/react-query'
import { api, take } from '@/shared/api'

/** A user's carbon wallet: what their purchases are estimated to have avoided, pending and available. */
export const carbonWalletQuery = (userId: string) =>
  queryOptions({
    queryKey: ['carbon', 'wallet', userId],
    queryFn: () => take(api.GET('/api/carbon-wallet/{user_id}', { params: { path: { user_id: userId } } })),
  })
