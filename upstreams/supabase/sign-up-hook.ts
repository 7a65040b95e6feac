import { Compile } from 'typebox/compile'
import { verifySignature, verifySignatureHeaders } from '../../domain/signature.ts'
import { FirstloginError } from '../../errors.ts'
import { toText } from '../text.ts'
import type { SignUpHook, UpstreamContext } from '../upstream.ts'
import { HookCall } from './answers.ts'
import { type SupabaseEnv, toHookKeys } from './env.ts'

const hookCall = Compile(HookCall)

/** Supabase's hook `before-user-created`. Each attempt at one call has another webhook-id, which says nothing. */
export function createSignUpHook(
  secret: string,
  { SUPABASE_SIGNUPS }: Pick<SupabaseEnv, 'SUPABASE_SIGNUPS'>,
  { clock }: UpstreamContext,
): SignUpHook {
  const keys = toHookKeys(secret)
  return {
    path: '/supabase/hooks',
    signatureHeader: 'webhook-signature',
    summary: 'Ask whether somebody may sign up',
    body: HookCall,
    verifyHeaders: (headers) => verifySignatureHeaders(headers, keys),
    verify(bytes, headers) {
      verifySignature(bytes, headers, keys, clock())
    },
    read(body) {
      if (!hookCall.Check(body) || body.metadata.name !== 'before-user-created')
        throw new FirstloginError('FL_PAYLOAD_INVALID', { detail: 'the body is not a before-user-created' })
      return toText(body.user.email, Number.POSITIVE_INFINITY) || undefined
    },
    onlyKnown: SUPABASE_SIGNUPS === 'known',
    answers: {
      allowed: {},
      // With any other status than 200 the message would be lost on its way to the person.
      refused: (message) => ({ error: { http_code: 403, message } }),
    },
  }
}
