// SPDX-License-Identifier: Apache-2.0
import { startTransition, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@fontsource-variable/inter/wght.css'
import './styles.css'
import { App } from './app/App'
import { registerServiceWorker } from './shared/offline'
import { resumePurchases } from './app/outbox'
import { reportErrors } from './app/reporting'
import { preloadPage } from './app/router'
import { startSession } from './shared/session'

startSession()
preloadPage()
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
// As a transition React draws the first page in slices: a slow phone answers touches in between.
startTransition(() => {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
})
registerServiceWorker()
reportErrors()
resumePurchases()
