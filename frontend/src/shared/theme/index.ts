// SPDX-License-Identifier: Apache-2.0
export { setTheme, useTheme, type Theme } from './theme'
