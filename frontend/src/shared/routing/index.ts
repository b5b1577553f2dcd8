// SPDX-License-Identifier: Apache-2.0
export { lazyRouteComponent, PageMissing } from './lazy'
export { needsOwnDocument } from './open-document'
export { guarded, rootRoute } from './routing'
