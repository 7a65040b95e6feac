import type { TObject } from 'typebox'
import airtable from './airtable/index.ts'
import clerk from './clerk/index.ts'
import frontegg from './frontegg/index.ts'
import supabase from './supabase/index.ts'
import type { UpstreamDefinition } from './upstream.ts'

/** Every upstream there is. A new one is a folder and a line here. */
export const upstreams: readonly UpstreamDefinition<TObject>[] = [airtable, clerk, frontegg, supabase]
