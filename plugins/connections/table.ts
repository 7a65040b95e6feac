export interface Place {
  /** Whose connection it is. */
  network: string
  /** Whether the service owes it an answer. */
  isBusy(): boolean
}

export interface ConnectionTable<T extends Place> {
  readonly size: number
  add(connection: T): void
  remove(connection: T): void
  /** It was served just now, and is the last of its network to be given up. */
  renew(connection: T): void
  /** Of the network with the most connections, the one that has waited for its client the longest; undefined if all are busy. */
  findIdlest(): T | undefined
}

/** Open connections by network, those that were served the longest ago first. */
export function createConnectionTable<T extends Place>(): ConnectionTable<T> {
  const networks = new Map<string, Set<T>>()
  let size = 0

  function findIdle(group: Set<T>): T | undefined {
    for (const connection of group) if (!connection.isBusy()) return connection
    return undefined
  }

  return {
    get size() {
      return size
    },
    add(connection) {
      const group = networks.get(connection.network)
      if (group) group.add(connection)
      else networks.set(connection.network, new Set([connection]))
      size += 1
    },
    remove(connection) {
      const group = networks.get(connection.network)
      if (!group?.delete(connection)) return
      size -= 1
      if (group.size === 0) networks.delete(connection.network)
    },
    renew(connection) {
      const group = networks.get(connection.network)
      if (group?.delete(connection)) group.add(connection)
    },
    findIdlest() {
      let [idlest, most]: [T | undefined, number] = [undefined, 0]
      for (const group of networks.values()) {
        if (group.size <= most) continue
        const idle = findIdle(group)
        if (idle) [idlest, most] = [idle, group.size]
      }
      return idlest
    },
  }
}
