// SPDX-License-Identifier: Apache-2.0
export { addDays, dayOf, startOfDay } from '@/shared/format'
