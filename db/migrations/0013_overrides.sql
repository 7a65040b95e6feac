-- What operators decided of a user. It stands above every upstream until it is lifted.

-- field -> { value, at, by, projected: { value, source } }: status and role; null for none
alter table firstlogin.users add column overrides jsonb;
