import type { Change } from '../../domain/change.ts'
import type { DirectoryPage, Kind } from '../upstream.ts'
import { type Check, codeOf, demand, demandSame, show } from './check.ts'
import { outageChecks } from './outages.ts'
import { given, type ProbeOptions, probe } from './probe.ts'
import type { Subject } from './subject.ts'
import type { Asking } from './turns.ts'
import { demandWellFormed } from './well-formed.ts'

const mostPages = 1000

export function directoryChecks(subject: Subject): Check[] {
  const { name } = subject.definition
  const people = () => given(subject.people, '`people` that the upstream knows.')
  const kinds = probe(subject, 'directory').it.kinds
  const knownOf = (kind: Kind): readonly string[] =>
    kind === 'user' ? people().map(({ id }) => id) : memberships().known
  const unknownOf = (kind: Kind): string =>
    kind === 'user' ? given(subject.stranger, 'a `stranger`.').id : memberships().unknown
  const memberships = () => given(subject.memberships, '`memberships`, known ones and an unknown one.')

  function readPage(from: string | undefined, options: ProbeOptions = {}) {
    const made = probe(subject, 'directory', options)
    return { probe: made, answer: made.it.readPage(from) }
  }
  function findExisting(kind: Kind, ids: readonly string[], options: ProbeOptions = {}) {
    const made = probe(subject, 'directory', options)
    return { probe: made, answer: made.it.findExisting(kind, [...ids]) }
  }
  /** All pages, each by an adapter of its own: nothing is remembered but where the next one begins. */
  async function walk(): Promise<DirectoryPage[]> {
    const pages: DirectoryPage[] = []
    for (let from: string | undefined; ; from = pages.at(-1)?.next) {
      const page = await readPage(from).answer
      demand(page !== 'expired', 'A listing that has just begun has expired.')
      pages.push(page)
      if (page.next === undefined) return pages
      demand(pages.length < mostPages, `After ${mostPages} pages there is no end.`)
    }
  }
  const changesOf = async () => (await walk()).flatMap(({ changes }) => changes)

  const askings: Asking[] = [
    { how: 'for a page', ask: (options) => readPage(undefined, options), isPatient: true },
    ...kinds.map((kind) => ({
      how: `which ${kind} exists`,
      ask: (options: ProbeOptions) => findExisting(kind, knownOf(kind).slice(0, 1), options),
      isByName: true as const,
      isPatient: true as const,
    })),
  ]

  return [
    {
      name: 'it says of what its listing is complete, and people are among it',
      async run() {
        demand(kinds.includes('user'), `It lists ${show(kinds)}.`)
        const isKnown = kinds.every((kind) => kind === 'user' || kind === 'membership')
        demand(isKnown && new Set(kinds).size === kinds.length, `It lists ${show(kinds)}.`)
      },
    },
    {
      name: 'it lists everybody, page by page, and comes to an end',
      async run() {
        const changes = await changesOf()
        for (const kind of kinds) {
          const listed = new Set(idsOf(changes, kind))
          for (const id of knownOf(kind)) demand(listed.has(id), `The ${kind} ${id} is on no page.`)
          demand(!listed.has(unknownOf(kind)), `The ${kind} ${unknownOf(kind)} is listed.`)
        }
      },
    },
    {
      name: 'it lists nobody twice',
      async run() {
        const changes = await changesOf()
        for (const kind of kinds) {
          const listed = idsOf(changes, kind)
          demandSame(listed.length, new Set(listed).size, `Different ones among the ${kind}s:`)
        }
      },
    },
    {
      name: 'the place where a page begins is a text that can be kept, and never the same',
      async run() {
        const places = (await walk()).flatMap(({ next }) => (next === undefined ? [] : [next]))
        for (const place of places)
          demand(typeof place === 'string' && place !== '' && place.length <= 1000, `${show(place)} is none.`)
        demandSame(new Set(places).size, places.length, 'Different places:')
      },
    },
    {
      name: 'every page says how many people are on it, those without an address included',
      async run() {
        for (const { size, changes } of await walk()) {
          demand(Number.isInteger(size) && size >= 0, `${show(size)} is no number of people.`)
          demand(size >= idsOf(changes, 'user').length, `There are more than ${size} on it.`)
        }
      },
    },
    {
      name: 'what it lists is well-formed, was read now, and brings nobody back to life',
      async run() {
        const { probe: made, answer } = readPage(undefined)
        const page = await answer
        demand(page !== 'expired', 'The first page has expired.')
        demandWellFormed(page.changes, name)
        for (const change of page.changes) {
          if (!('fields' in change)) continue
          demandSame(change.readAt, made.now(), '`readAt`:')
          const isBack = change.created && change.type !== 'membership.upserted'
          demand(!isBack, 'To be listed is not to be created: `created` is false.')
        }
      },
    },
    {
      name: 'every other page is well-formed as well',
      run: async () => demandWellFormed(await changesOf(), name),
    },
    {
      name: 'a listing does not tell of deletions: what it lacks has vanished',
      async run() {
        for (const { type } of await changesOf()) demand(!type.endsWith('.deleted'), `It tells ${type}.`)
      },
    },
    {
      name: 'a place that is none has expired, or cannot be read, and is no end of the listing',
      async run() {
        for (const from of ['nowhere', '{}', 'x'.repeat(1000), '\0']) {
          try {
            const page = await readPage(from).answer
            demand(page === 'expired', `At ${show(from)} there is a page.`)
          } catch (error) {
            if (codeOf(error) !== 'FL_UPSTREAM_UNAVAILABLE') throw error
          }
        }
      },
    },
    {
      name: 'it tells of each id whether it exists, whatever is asked for beside it',
      async run() {
        for (const kind of kinds) {
          const [known, unknown] = [knownOf(kind), unknownOf(kind)]
          for (const asked of [known, [unknown, ...known], [...known, ...known], known.slice(0, 1)]) {
            const found = new Set(await findExisting(kind, asked).answer)
            demandSame([...found].sort(), [...new Set(asked)].filter((id) => id !== unknown).sort(), kind)
          }
          demandSame(await findExisting(kind, [unknown]).answer, [], `The ${kind} ${unknown}:`)
        }
      },
    },
    {
      name: 'it tells of more ids than go into one call',
      async run() {
        for (const kind of kinds) {
          const others = Array.from({ length: 230 }, (_, at) => `${unknownOf(kind)}${at}`)
          const found = await findExisting(kind, [...others, ...knownOf(kind)]).answer
          demandSame([...new Set(found)].sort(), [...knownOf(kind)].sort(), `Of many ${kind}s:`)
        }
      },
    },
    {
      name: 'asked for nothing, or for what can be no id, it has nothing',
      async run() {
        for (const kind of kinds) {
          demandSame(await findExisting(kind, []).answer, [], 'Of none:')
          for (const odd of ['-', '..', '../..', 'a b c', "a'b", '%00', 'a,b', 'a/b c/d'])
            demandSame(await findExisting(kind, [odd]).answer, [], `Of ${odd}:`)
        }
      },
    },
    ...outageChecks(subject, askings),
  ]
}

function idsOf(changes: readonly Change[], kind: Kind): string[] {
  return changes.filter(({ type }) => type === `${kind}.upserted`).map(({ externalId }) => externalId)
}
