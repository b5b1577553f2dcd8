// SPDX-License-Identifier: Apache-2.0
import { lazyRouteComponent as lazily } from '@tanstack/react-router'
import { ApiProblem } from '@/shared/api/problem'

/** The script of a page could not be loaded: the server is away, or an update has replaced it. */
export class PageMissing extends ApiProblem {
  constructor() {
    super(0, 'network.unreachable', 'The page could not be loaded')
  }
}

/** The router's, which would itself load the document anew at a failure, also where no server answers. */
export const lazyRouteComponent = ((importer, name) =>
  lazily(
    () =>
      importer().catch(() => {
        throw new PageMissing()
      }),
    name,
  )) as typeof lazily
