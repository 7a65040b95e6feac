-- How many people a walk over a directory has disabled, and how many changes of status it has withheld because they were too many.
alter table firstlogin.listings
  add column disabled integer not null default 0,
  add column withheld integer not null default 0;
