import { FirstloginError } from '../../errors.ts'

/** The caller only learns that it failed; the reason, free of foreign values, is the cause, for the host. */
export function refuse(reason: string): never {
  throw new FirstloginError('FL_SIGNATURE_INVALID', { cause: reason })
}
