-- When upstream was last seen to have a record; milliseconds since 1970. Whoever a complete listing misses and
-- nobody has seen since is disabled.

alter table firstlogin.identities add column seen_at bigint not null default 0;
update firstlogin.identities set seen_at = floor(extract(epoch from checked_at) * 1000);
