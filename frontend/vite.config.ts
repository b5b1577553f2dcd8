// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { compressed } from './compress.ts'

const backend = process.env.GRIDX_PUBLIC_URL ?? 'http://127.0.0.1:3001'

export default defineConfig({
  plugins: [react(), tailwindcss(), compressed()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    manifest: true,
    chunkSizeWarningLimit: 700,
    // Of what every page needs two files instead of thirty: each costs a slow phone a request and a link in the document.
    rolldownOptions: {
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: 'base', test: /node_modules\/(react|react-dom|scheduler|use-sync-external-store|clsx|class-variance-authority|openapi-fetch|lucide-react|@tanstack\/[a-z-]+)\//, priority: 2 },
            { name: 'shared', test: /src\/shared\/(api|carbon|clock|config|forecast|format|live|offline|problems|routing|session|theme|ui\/(?!dialog|plot|tabs|save))/, priority: 1 },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
  server: {
    port: 5173,
    proxy: {
      '/api': { target: backend, ws: true, changeOrigin: true, headers: { origin: backend } },
      '/health': backend,
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'src/**/*.test.tsx'],
    environment: 'node',
    restoreMocks: true,
  },
})
