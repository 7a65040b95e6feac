-- How many users a walk over a directory has created.
alter table firstlogin.listings add column created integer not null default 0;
