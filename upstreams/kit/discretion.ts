import { demand } from './check.ts'
import type { Subject } from './subject.ts'

/** Every text in a value: of errors their messages, their stacks and their causes; of objects the names, too. */
export function textsIn(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  if (value instanceof Map || value instanceof Set)
    return [...value].flatMap((item: unknown) => textsIn(item, seen))
  const names = value instanceof Error ? Object.getOwnPropertyNames(value) : Object.keys(value)
  return names.flatMap((name) => [name, ...textsIn(Reflect.get(value, name), seen)])
}

/** Whether Postgres can keep it. */
export function isKeepable(value: unknown): boolean {
  return textsIn(value).every((text) => text.isWellFormed() && !text.includes('\0'))
}

export function demandNoSecret({ secrets }: Subject, where: string, value: unknown): void {
  const texts = textsIn(value)
  for (const secret of secrets) {
    const isThere = texts.some((text) => text.includes(secret) || text.includes(encodeURIComponent(secret)))
    demand(!isThere, `A secret of the settings is in ${where}.`)
  }
}

export function demandNobody({ people = [], stranger }: Subject, where: string, value: unknown): void {
  const texts = textsIn(value).map((text) => text.toLowerCase())
  for (const email of [...people.map((person) => person.email), ...(stranger ? [stranger.email] : [])]) {
    const isThere = texts.some((text) => text.includes(email.toLowerCase()))
    demand(!isThere, `The address of a person is in ${where}.`)
  }
}

const hash = /\$(2[abxy]|argon2(id|i|d)|scrypt|pbkdf2[\w-]*|5|6)\$/

export function demandNoHash(where: string, value: unknown): void {
  demand(!textsIn(value).some((text) => hash.test(text)), `The hash of a password is in ${where}.`)
}
