// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs'
import js from '@eslint/js'
import jsxA11y from 'eslint-plugin-jsx-a11y'
import reactHooks from 'eslint-plugin-react-hooks'
import globals from 'globals'
import tseslint from 'typescript-eslint'

const features = readdirSync(new URL('./src/features', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

/** Features know `shared` and themselves; `shared` knows neither features nor app. */
const boundaries = [
  ...features.map((name) => ({
    files: [`src/features/${name}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(@/features/(?!${name}(/|$))|@/app|(\\.\\./)+(features|app)/|(\\.\\./)+(${features.filter((other) => other !== name).join('|')})/)`,
              message: 'A feature imports only from itself and from @/shared.',
            },
          ],
        },
      ],
    },
  })),
  {
    files: ['src/shared/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '(^@/(features|app))|(\\.\\./(features|app)/)', message: 'shared imports neither features nor app.' }] },
      ],
    },
  },
]

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'test-results', 'playwright-report', 'src/shared/api/schema.d.ts'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  jsxA11y.flatConfigs.recommended,
  reactHooks.configs.flat.recommended,
  {
    languageOptions: {
      globals: { ...globals.browser },
      parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js', 'vite.config.ts', 'compress.ts', 'playwright.config.ts', 'public/*.js', 'scripts/*.js'] }, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-invalid-void-type': ['error', { allowInGenericTypeArguments: true }],
      'max-lines': ['error', { max: 400 }],
    },
  },
  {
    files: ['eslint.config.js', 'scripts/**', 'e2e/**', '*.ts', 'public/*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.serviceworker } },
  },
  { files: ['e2e/**'], rules: { 'react-hooks/rules-of-hooks': 'off' } }, // fixtures call their argument `use`
  { files: ['**/*.js', '*.config.ts'], ...tseslint.configs.disableTypeChecked },
  ...boundaries,
)
