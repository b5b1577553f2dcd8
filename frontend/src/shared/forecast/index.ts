// SPDX-License-Identifier: Apache-2.0
export { type GoodTime, type Outlook, type PriceForecast, type PriceStep } from './outlook'
export { outlookQuery, priceForecastQuery } from './queries'
export { Unforeseen } from './Unforeseen'
