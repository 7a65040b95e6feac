export interface ClerkVerification {
  object: string
  status: 'verified' | 'unverified'
  strategy: string
  attempts: number | null
  expire_at: number | null
}

export interface ClerkEmailAddress {
  id: string
  object: 'email_address'
  email_address: string
  reserved: boolean
  verification: ClerkVerification | null
  linked_to: object[]
  matches_sso_connection: boolean
  created_at: number
  updated_at: number
}

export interface ClerkPhoneNumber {
  id: string
  object: 'phone_number'
  phone_number: string
  reserved_for_second_factor: boolean
  default_second_factor: boolean
  reserved: boolean
  verification: ClerkVerification | null
  linked_to: object[]
  backup_codes: string[] | null
  created_at: number
  updated_at: number
}

export interface ClerkUser {
  id: string
  object: 'user'
  external_id: string | null
  primary_email_address_id: string | null
  primary_phone_number_id: string | null
  primary_web3_wallet_id: string | null
  username: string | null
  first_name: string | null
  last_name: string | null
  locale: string | null
  profile_image_url: string
  image_url: string
  has_image: boolean
  public_metadata: object
  private_metadata: object | null
  unsafe_metadata: object
  email_addresses: ClerkEmailAddress[]
  phone_numbers: ClerkPhoneNumber[]
  web3_wallets: object[]
  passkeys: object[]
  password_enabled: boolean
  two_factor_enabled: boolean
  totp_enabled: boolean
  backup_code_enabled: boolean
  mfa_enabled_at: number | null
  mfa_disabled_at: number | null
  password_last_updated_at: number | null
  external_accounts: object[]
  saml_accounts: object[]
  enterprise_accounts: object[]
  organization_memberships: object[] | null
  last_sign_in_at: number | null
  banned: boolean
  locked: boolean
  deprovisioned?: boolean
  lockout_expires_in_seconds: number | null
  verification_attempts_remaining: number | null
  created_at: number
  updated_at: number
  delete_self_enabled: boolean
  create_organization_enabled: boolean
  create_organizations_limit: number | null
  last_active_at: number | null
  legal_accepted_at: number | null
}

export interface ClerkOrganization {
  object: 'organization'
  id: string
  name: string
  slug: string | null
  image_url: string
  has_image: boolean
  members_count: number
  pending_invitations_count: number
  max_allowed_memberships: number
  admin_delete_enabled: boolean
  missing_member_with_elevated_permissions: boolean
  public_metadata: object
  private_metadata: object
  created_by: string | null
  created_at: number
  updated_at: number
}

/** A membership as it is kept; whoever asks is shown it with its organization and its user. */
export interface KeptMembership {
  id: string
  organization: string
  user: string
  role: string
  permissions: string[]
  created_at: number
  updated_at: number
}
