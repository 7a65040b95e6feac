-- Addresses that upstream has verified, and values that were set here.

-- The mark of an address that upstream has not verified has its plain name.
update firstlogin.identities
set claims = jsonb_set(claims, '{email}', (claims -> 'email') - 'isUnvouched'::text || '{"isUnverified": true}'::jsonb)
where claims -> 'email' ? 'isUnvouched';

-- field -> { value, at, event, isUnverified }: values that were set here, whether they are in force or not
alter table firstlogin.users add column local jsonb not null default '{}';
