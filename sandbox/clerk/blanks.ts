import { randomBytes } from 'node:crypto'
import type {
  ClerkEmailAddress,
  ClerkOrganization,
  ClerkPhoneNumber,
  ClerkUser,
  ClerkVerification,
} from './records.ts'

export function newId(prefix: string): string {
  return `${prefix}_2${randomBytes(13).toString('hex')}`
}

/** An address that Clerk has verified by a code, unless something else is said. */
export function emailAddress(email: string, different: Partial<ClerkEmailAddress> = {}): ClerkEmailAddress {
  return {
    id: newId('idn'),
    object: 'email_address',
    email_address: email,
    reserved: false,
    verification: verification('verified'),
    linked_to: [],
    matches_sso_connection: false,
    created_at: 0,
    updated_at: 0,
    ...different,
  }
}

export function phoneNumber(phone: string): ClerkPhoneNumber {
  return {
    id: newId('idn'),
    object: 'phone_number',
    phone_number: phone,
    reserved_for_second_factor: false,
    default_second_factor: false,
    reserved: false,
    verification: { ...verification('verified'), strategy: 'phone_code' },
    linked_to: [],
    backup_codes: null,
    created_at: 0,
    updated_at: 0,
  }
}

export function verification(status: ClerkVerification['status']): ClerkVerification {
  return { object: 'verification_otp', status, strategy: 'email_code', attempts: 1, expire_at: null }
}

export function blankUser(id: string, at: number): ClerkUser {
  const image = `https://img.clerk.com/${id}`
  return {
    id,
    object: 'user',
    external_id: null,
    primary_email_address_id: null,
    primary_phone_number_id: null,
    primary_web3_wallet_id: null,
    username: null,
    first_name: null,
    last_name: null,
    locale: null,
    profile_image_url: image,
    image_url: image,
    has_image: false,
    public_metadata: {},
    private_metadata: null,
    unsafe_metadata: {},
    email_addresses: [],
    phone_numbers: [],
    web3_wallets: [],
    passkeys: [],
    password_enabled: true,
    two_factor_enabled: false,
    totp_enabled: false,
    backup_code_enabled: false,
    mfa_enabled_at: null,
    mfa_disabled_at: null,
    password_last_updated_at: null,
    external_accounts: [],
    saml_accounts: [],
    enterprise_accounts: [],
    organization_memberships: null,
    last_sign_in_at: null,
    banned: false,
    locked: false,
    lockout_expires_in_seconds: null,
    verification_attempts_remaining: 100,
    created_at: at,
    updated_at: at,
    delete_self_enabled: true,
    create_organization_enabled: true,
    create_organizations_limit: null,
    last_active_at: null,
    legal_accepted_at: null,
  }
}

export function blankOrganization(id: string, at: number): ClerkOrganization {
  return {
    object: 'organization',
    id,
    name: 'Unnamed',
    slug: null,
    image_url: `https://img.clerk.com/${id}`,
    has_image: false,
    members_count: 0,
    pending_invitations_count: 0,
    max_allowed_memberships: 5,
    admin_delete_enabled: true,
    missing_member_with_elevated_permissions: false,
    public_metadata: {},
    private_metadata: {},
    created_by: null,
    created_at: at,
    updated_at: at,
  }
}
