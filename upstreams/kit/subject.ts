import type { TObject } from 'typebox'
import type { Http, HttpRequest, SignUpHook, UpstreamDefinition, VerifiedToken } from '../upstream.ts'

/** An adapter, and all that has to be known of it and its upstream in order to check it. */
export interface Subject {
  definition: UpstreamDefinition<TObject>
  /** Settings that work, as values: lists are lists, numbers are numbers. All optional secrets included. */
  settings: Readonly<Record<string, unknown>>
  /** Reaches the upstream, or what stands in for it. */
  http: Http
  /** May appear in no log, no error, no payload and no address. */
  secrets: readonly string[]
  /** The moment at which samples count as fresh. Default: now. */
  clock?: () => number
  /** Whether a call only opens the API: it takes no turn of the gate. */
  isLogin?: (request: HttpRequest) => boolean
  /** Some of those whom the upstream knows. Two or more, for a lookup or a directory. */
  people?: readonly KnownPerson[]
  /** Somebody whom it does not know, under an id of the right form. */
  stranger?: { email: string; id: string }
  /** Memberships that it lists, as `<organization> <user>`, and one that it has not. */
  memberships?: { known: readonly string[]; unknown: string }
  organizations?: { known: readonly { id: string; name: string }[]; unknown: string }
  webhook?: WebhookSubject
  signUpHook?: SignUpHookSubject
  tokens?: { accepted: readonly TokenSample[]; refused: readonly RefusedToken[] }
  feed?: FeedSubject
  /** Ways in which the upstream itself can be ill. The kit brings those that an http function can show. */
  outages?: readonly Outage[]
}

export interface KnownPerson {
  id: string
  /** As the upstream writes it. */
  email: string
  /** A text of theirs in the upstream's answers, such as a name: as a whole string of JSON. */
  word?: string
}

export interface SignedRequest {
  name: string
  /** With names in lower case, as Node gives them. */
  headers: Readonly<Record<string, string>>
  /** The bytes as they were signed. */
  body: string
}

export interface WebhookSample extends SignedRequest {
  /** What it says, in order, such as `user.upserted user_1`. */
  tells: readonly string[]
  /** The code of the error that the event is refused with. */
  refusal?: string
}

export interface WebhookSubject {
  /** One for each kind of event, each with an id of its own. */
  samples: readonly WebhookSample[]
  /** Requests that are not to be believed: by somebody else's secret, or too old. */
  forged: readonly SignedRequest[]
  /** The headers that make up the proof. */
  proof: readonly string[]
  /** The proof says nothing about the body. */
  isBodyUnproved?: true
  /** What the body names is asked for upstream. */
  isHint?: true
}

export interface SignUpHookSubject {
  samples: readonly (SignedRequest & { email: ReturnType<SignUpHook['read']> })[]
  forged: readonly SignedRequest[]
  proof: readonly string[]
}

export interface TokenSample {
  name: string
  token: VerifiedToken
  user: string
  organization?: string
  isImpersonated?: true
}

export interface RefusedToken {
  name: string
  token: VerifiedToken
}

export interface FeedSubject {
  /** Where the upstream would send its pings. */
  url: string
  /** A ping of the subscription, signed by its secret. */
  ping(subscription: { id: string; secret: string }): Omit<SignedRequest, 'name'>
  /** Something happens upstream, and this is what it is about. */
  happen(): Promise<string> | string
}

export interface Outage {
  name: string
  begin(): unknown
  end(): unknown
}
