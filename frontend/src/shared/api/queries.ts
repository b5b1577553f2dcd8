// SPDX-License-Identifier: Apache-2.0
import { QueryClient } from '@tanstack/react-query'

/** One per app. Retries happen in the transport, which knows what may be repeated; here nothing is tried again. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 10_000, gcTime: 10 * 60_000, retry: false, networkMode: 'always' },
    mutations: { retry: false, networkMode: 'always' },
  },
})
