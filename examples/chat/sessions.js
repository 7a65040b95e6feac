/** @typedef {import('postgres').TransactionSql} Tx */

/** Answered as 404: to the caller, what is somebody else's is not there. */
class SessionUnknown extends Error {
  statusCode = 404
}

/** @param {Tx} tx @param {string} userId */
export async function listSessions(tx, userId) {
  return tx`
    select id, title, created_at as "createdAt", used_at as "usedAt" from chat.chat_sessions
    where user_id = ${userId} order by used_at desc, id limit 100`
}

/** The one that was used last, made if there is none. @param {Tx} tx @param {string} userId */
export async function getActiveSession(tx, userId) {
  // Of several first requests at once, one makes it.
  await tx`select pg_advisory_xact_lock(hashtextextended(${userId}, 0))`
  const [last] = await listSessions(tx, userId)
  return last ?? createSession(tx, userId)
}

/** @param {Tx} tx @param {string} userId */
export async function createSession(tx, userId, title = 'New Chat') {
  const [session] = await tx`
    insert into chat.chat_sessions (user_id, title) values (${userId}, ${title})
    returning id, title, created_at as "createdAt", used_at as "usedAt"`
  return session
}

/** @param {Tx} tx @param {string} userId @param {string} id */
export async function getSession(tx, userId, id) {
  const [session] = await tx`
    select id, title, created_at as "createdAt", used_at as "usedAt" from chat.chat_sessions
    where user_id = ${userId} and id = ${id}`
  return known(session)
}

/** @param {Tx} tx @param {string} userId @param {string} id */
export async function removeSession(tx, userId, id) {
  const [removed] = await tx`
    delete from chat.chat_sessions where user_id = ${userId} and id = ${id} returning id`
  known(removed)
}

/** @param {Tx} tx @param {string} userId @param {string} id */
export async function listMessages(tx, userId, id) {
  await getSession(tx, userId, id)
  return tx`
    select author, text, created_at as "createdAt" from chat.chat_messages
    where user_id = ${userId} and session_id = ${id} order by position`
}

/**
 * What was said and what the bot answers.
 * @param {Tx} tx @param {string} userId @param {string} id @param {{ user: string, bot: string }} texts
 */
export async function addMessages(tx, userId, id, texts) {
  // Also holds the session until the messages are in it.
  const [session] = await tx`
    update chat.chat_sessions set used_at = clock_timestamp()
    where user_id = ${userId} and id = ${id} returning id`
  known(session)
  return tx`
    insert into chat.chat_messages (user_id, session_id, author, text)
    values (${userId}, ${id}, 'user', ${texts.user}), (${userId}, ${id}, 'bot', ${texts.bot})
    returning author, text, created_at as "createdAt"`
}

/** @template T @param {T | undefined} row @returns {T} */
function known(row) {
  if (!row) throw new SessionUnknown('There is no such session.')
  return row
}
