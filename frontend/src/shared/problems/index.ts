// SPDX-License-Identifier: Apache-2.0
export { explain, fieldProblems, type Explanation } from './explain'
