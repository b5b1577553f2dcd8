// SPDX-License-Identifier: Apache-2.0
/** What refusals mean for people, by code. Codes keep their names (backend: `errors.py` of each domain). */
interface Text {
  title: string
  advice?: string
}

export const TEXTS: Readonly<Record<string, Text>> = {
  'network.unreachable': { title: 'GridX cannot be reached', advice: 'Check your connection. The page goes on by itself once the server answers.' },
  'service.unavailable': { title: 'A part of GridX is away', advice: 'Nothing was changed. Try again in a moment.' },
  'database.unavailable': { title: 'The database does not answer', advice: 'Nothing was changed. Try again in a moment.' },
  internal: { title: 'Something went wrong on our side', advice: 'Try again; if it happens again, tell us the number below.' },
  'request.too_many': { title: 'Too many requests', advice: 'Wait a moment, then try again.' },
  'request.too_large': { title: 'The file or text is too large' },
  'request.not_found': { title: 'There is no such thing here', advice: 'It may have been removed, or it belongs to somebody else.' },
  'auth.required': { title: 'Sign in first' },
  'auth.forbidden': { title: 'Your role does not allow this' },
  'auth.wrong_credentials': { title: 'E-mail or password is wrong' },
  'auth.token_invalid': { title: 'Your session has ended', advice: 'Sign in again.' },
  'auth.token_expired': { title: 'Your session has ended', advice: 'Sign in again.' },
  'auth.siwe_nonce': { title: 'The sign-in took too long', advice: 'Start it again: each message can be signed once, within five minutes.' },
  'auth.siwe_refused': { title: 'The signed message is not for this site', advice: 'Check the network of your wallet and the clock of your device, then try again.' },
  'auth.signature_invalid': { title: 'The signature is not of this wallet', advice: 'Choose the right account in your wallet and sign again.' },
  'auth.role_missing': { title: 'Your role in this organisation does not allow this' },
  'organization.needed': { title: 'Choose an organisation first', advice: 'You belong to several; the menu at the top says for which one you act.' },
  'user.email_taken': { title: 'This e-mail belongs to another account', advice: 'Sign in with it, or use another one.' },
  'user.password_weak': { title: 'This password is too easy to guess', advice: 'Use a longer one, not found in lists of common passwords.' },
  'wallet.taken': { title: 'This wallet belongs to another account' },
  'wallet.busy': { title: 'This wallet has trades that are not final yet', advice: 'Wait until they are, then change the wallet.' },
  'wallet.nonce_invalid': { title: 'The request to link has expired', advice: 'Start again.' },
  'wallet.replacement_open': { title: 'A change of wallet is already waiting', advice: 'Cancel it first.' },
  // -- of the browser's wallet
  'wallet.none': { title: 'No wallet was found in this browser', advice: 'Install one, such as MetaMask or Rabby, or sign in by e-mail.' },
  'wallet.rejected': { title: 'You declined in your wallet', advice: 'Nothing was signed or sent. You can try again.' },
  'wallet.request_open': { title: 'Your wallet already shows a request', advice: 'Open the wallet and answer it.' },
  'wallet.wrong_chain': { title: 'Your wallet is on another network', advice: 'Switch the network, then go on.' },
  'wallet.no_gas': { title: 'Not enough balance for the transaction fee', advice: 'Add some of the network’s coin to your wallet.' },
  'wallet.failed': { title: 'Your wallet reported a failure' },
  // -- of the market
  'order.gate_closed': { title: 'This interval takes no orders now', advice: 'Choose a later one.' },
  'order.capacity': { title: 'The house cannot carry that much in this interval', advice: 'Its open orders count too: ask for less, or cancel one.' },
  'order.price': { title: 'The price lies outside your community’s limits' },
  'order.meter': { title: 'The meter of this house is not enrolled to your wallet', advice: 'Ask your community’s operator to enrol it.' },
  'order.clock': { title: 'The clock of this device is wrong', advice: 'Set it right, then sign again.' },
  'order.signature': { title: 'The signature is not of the meter’s wallet', advice: 'Choose that account in your wallet and sign again.' },
  'order.factor': { title: 'No emission factor covers this delivery', advice: 'Choose another interval, or ask your community’s operator.' },
  'order.lanes_used_up': { title: 'Too many of your orders wait to be settled', advice: 'Try again once older ones have ended.' },
  'order.ended': { title: 'This order has ended already', advice: 'The list is loaded anew.' },
  'order.draft_differs': { title: 'The prepared order is not what you asked for', advice: 'Nothing was signed. Reload the page and try again; if it happens again, tell your community’s operator.' },
  'offer.differs': { title: 'The reserved offer is not the one you chose', advice: 'Nothing was sent. Choose an offer again.' },
  'offer.taken': { title: 'Less is left of this offer than you ask for', advice: 'Ask for less, or choose another offer.' },
  'offer.own': { title: 'This is your own offer', advice: 'Choose an offer of somebody else.' },
  'offer.not_found': { title: 'This offer is gone', advice: 'It was taken or its gate has closed. Choose another one.' },
  'offer.buyer': { title: 'This wallet cannot take the offer', advice: 'Only a wallet of yours with a meter in the offer’s community can.' },
  'offer.too_many_reservations': { title: 'You hold too many reservations', advice: 'Finish them, or wait ten minutes until they lapse.' },
  'chain.connecting': { title: 'The service is connecting to the chain', advice: 'Try again in a moment.' },
}
