import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Who PostgreSQL runs as: empty for "as this process", which it accepts from everybody but root. */
export type Account = { uid: number; gid: number } | { uid?: never; gid?: never }

const unprivileged = ['nobody', 'postgres', '_postgres', 'daemon']

/** PostgreSQL refuses root; initdb also refuses ids that the system has no account for. */
export async function findAccount(owner: number): Promise<Account> {
  if (process.geteuid?.() !== 0) return {}
  const accounts = await readAccounts()
  const found =
    accounts.find((account) => account.uid === owner && owner !== 0) ??
    unprivileged
      .flatMap((name) => accounts.filter((account) => account.name === name))
      .find(({ uid }) => uid > 0)
  if (!found) {
    throw new Error(
      `PostgreSQL does not run as root, and /etc/passwd has none of ${unprivileged.join(', ')}: ` +
        'start as an ordinary user, or set DATABASE_URL.',
    )
  }
  return { uid: found.uid, gid: found.gid }
}

async function readAccounts() {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
  return lines.map((line) => {
    const [name, , uid, gid] = line.split(':')
    return { name, uid: Number(uid), gid: Number(gid) }
  })
}

/** Can this account walk into the folder, through everything above it? */
export async function canReach(account: Account, folder: string): Promise<boolean> {
  if (account.uid === undefined) return true
  for (let path = folder; ; path = dirname(path)) {
    const { uid, gid, mode } = await stat(path)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if (!(mode & bit)) return false
    if (path === dirname(path)) return true
  }
}
