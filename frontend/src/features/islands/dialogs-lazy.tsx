// SPDX-License-Identifier: Apache-2.0
/** The dialogs that sign, loaded when they are opened: the wallet's library comes with them. */
import { lazy, Suspense, type ComponentProps } from 'react'

const Declare = lazy(() => import('./dialogs').then(({ DeclareDialog }) => ({ default: DeclareDialog })))
const End = lazy(() => import('./dialogs').then(({ EndDialog: Dialog }) => ({ default: Dialog })))

export const DeclareDialog = (props: ComponentProps<typeof Declare>) => <Suspense fallback={null}><Declare {...props} /></Suspense>
export const EndDialog = (props: ComponentProps<typeof End>) => <Suspense fallback={null}><End {...props} /></Suspense>
