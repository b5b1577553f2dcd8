// SPDX-License-Identifier: Apache-2.0
export { useCommunity, type Community } from './community'
export { membershipsQuery, setOrganizationId, useMembership, type Membership, type Organization, type OrgRole } from './organization'
export { getSession, onSession, useSession, useUser, type Session, type User } from './store'
export { enter, resumeSession, signOut, startSession, updateUser } from './tokens'
