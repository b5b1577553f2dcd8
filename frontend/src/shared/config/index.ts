// SPDX-License-Identifier: Apache-2.0
export { configQuery, loadConfig, useConfig, type Config } from './config'
