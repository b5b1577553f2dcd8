// SPDX-License-Identifier: Apache-2.0
export { api, take, takeFile, takeNothing, takePage, type Page, type Schemas } from './client'
export { ApiProblem, problemOf } from './problem'
export { queryClient } from './queries'
