-- How a session is used: what decides whether a refresh token that was used before is a repeat or a theft.

alter table firstlogin.sessions
  -- when the token in force and those at most one grace before it were issued, the newest first
  add column issued_ats timestamptz[] not null default '{}',
  -- when a token that had been used already was last presented again, by the client that had used it
  add column repeated_at timestamptz,
  -- of the client that logged in or used a token last; '' for a client without a user agent
  add column last_user_agent text,
  add column last_network text,
  -- networks that used the session within one grace of each other, and when that was seen last
  add column shared_networks text[] not null default '{}',
  add column shared_at timestamptz;

-- previous_hash is no longer read. Instances of the version before still write it while an upgrade is under way.
update firstlogin.sessions
set issued_ats = array[rotated_at], last_user_agent = coalesce(user_agent, '')
where ended_at is null;
