import fc from 'fast-check'
import type { Change } from '../../../domain/change.ts'
import * as news from './news.ts'

const org = fc.constantFrom('org_alpha001', 'org_alpha001', 'org_beta0001')
const person = fc.constantFrom('user_1', 'user_1', 'user_2')
const email = fc.option(fc.constantFrom(news.ada, news.ada, 'bob@example.com', ''), { nil: undefined })
const name = fc.option(fc.constantFrom('One', 'Other'), { nil: undefined })
const grant = fc.option(fc.constantFrom(news.member, news.admin), { nil: undefined })
const gone = fc.constantFrom('deleted', 'vanished')

type Maker = (at: number, told: { created: boolean; event: string }) => Change

const maker: fc.Arbitrary<Maker> = fc.oneof(
  fc.tuple(person, email, name).map(([id, email, name]): Maker => {
    const fields = { ...(email !== undefined && { email }), ...(name !== undefined && { name }) }
    return (at, told) => news.user(id, at, fields, told)
  }),
  fc.tuple(org, name).map(
    ([id, name]): Maker =>
      (at, told) =>
        news.organization(id, at, name, told),
  ),
  {
    weight: 2,
    arbitrary: fc.tuple(org, person, grant).map(
      ([org, person, grant]): Maker =>
        (at, told) =>
          news.membership(org, person, at, grant, told),
    ),
  },
  fc.tuple(person, gone).map(
    ([id, how]): Maker =>
      (at, told) =>
        news.userGone(id, at, how, told),
  ),
  org.map(
    (id): Maker =>
      (at, told) =>
        news.organizationGone(id, at, told),
  ),
  fc.tuple(org, person, gone).map(
    ([org, person, how]): Maker =>
      (at, told) =>
        news.membershipGone(org, person, at, how, told),
  ),
)

export interface TenancyHistory {
  changes: Change[]
  /** The same in any order, some of it twice, in transactions of any size. */
  batches: Change[][]
}

/** What is told of two people and two organizations in any order; no two changes have one stamp. */
export const anyTenancy: fc.Arbitrary<TenancyHistory> = fc
  .array(fc.tuple(maker, fc.integer({ min: 1, max: 6 }), fc.boolean()), {
    minLength: 4,
    maxLength: 14,
    size: 'max',
  })
  .chain((made) => {
    const changes = made.map(([make, at, created], index) => make(at, { created, event: `evt_${index}` }))
    return anyBatches(changes).map((batches) => ({ changes, batches }))
  })

/** All of these in any order, some of them twice, in transactions of any size. */
export function anyBatches(changes: Change[]): fc.Arbitrary<Change[][]> {
  const whole = fc.shuffledSubarray(changes, { minLength: changes.length })
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2 })
  return fc.tuple(whole, fc.shuffledSubarray(changes), sizes).map(([first, again, sizes]) => {
    const rest = [...first]
    again.forEach((change, index) => rest.splice((index * 7) % (rest.length + 1), 0, change))
    const batches: Change[][] = []
    while (rest.length > 0) batches.push(rest.splice(0, sizes[batches.length % sizes.length]))
    return batches
  })
}
