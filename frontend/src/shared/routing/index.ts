// SPDX-License-Identifier: Apache-2.0
export { guarded, rootRoute } from './routing'
export { needsOwnDocument } from './open-document'
