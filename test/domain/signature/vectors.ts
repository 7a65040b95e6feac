import { generateKeyPairSync } from 'node:crypto'

/** Those of the Standard Webhooks project. */
export const vectors = [
  {
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: '1614265330',
    body: '{"test": 2432232314}',
    signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  {
    secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
    id: 'msg_27UH4WbU6Z5A5EzD8u03UvzRbpk',
    timestamp: '1649367553',
    body: '{"email":"test@example.com","username":"test_user"}',
    signature: 'v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=',
  },
] as const

export const [vector] = vectors
export const body = Buffer.from(vector.body)
export const sentAt = Number(vector.timestamp) * 1000
export const signed = {
  'webhook-id': vector.id,
  'webhook-timestamp': vector.timestamp,
  'webhook-signature': vector.signature,
}
export const invalid = { code: 'FL_SIGNATURE_INVALID', status: 401 }

/** The same message under Svix's header names. */
export const renamed = (headers: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.replace('webhook-', 'svix-'), value]),
  )

export const pair = generateKeyPairSync('ed25519')
export const rawPublicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
/** The public half as Standard Webhooks writes it. */
export const whpk = `whpk_${rawPublicKey.toString('base64')}`
