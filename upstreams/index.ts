import airtable from './airtable/index.ts'

/** Every upstream there is. A new one is a folder and a line here. */
export const upstreams = [airtable] as const
