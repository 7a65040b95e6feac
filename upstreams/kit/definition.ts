import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { type Check, demand, demandSame, show } from './check.ts'
import { demandNoSecret } from './discretion.ts'
import { createProbe } from './probe.ts'
import type { Subject } from './subject.ts'

const known = ['lookup', 'organizations', 'webhook', 'signUpHook', 'claims', 'directory', 'feed']

/** The definition: a name, settings, limits. */
export function definitionChecks(subject: Subject): Check[] {
  const { definition, settings } = subject
  const { name, env } = definition
  const rules = Object.entries<TSchema>(env.properties)
  const isOptional = (setting: string) => !env.required?.includes(setting)
  const hasDefault = (rule: TSchema) => 'default' in rule
  const without = (setting: string) =>
    Object.fromEntries(Object.entries(settings).filter(([other]) => other !== setting))
  /** All that may be missing is missing. */
  const least = () => {
    const needed = Object.entries(settings).filter(([setting]) => !isOptional(setting))
    return Object.fromEntries(needed)
  }

  return [
    {
      name: 'its name is a word in small letters, as a folder can have it',
      run: async () => demand(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name), `${show(name)} is not kebab-case.`),
    },
    {
      name: 'every setting begins with the name of the upstream',
      async run() {
        const start = `${name.toUpperCase().replaceAll('-', '_')}_`
        for (const [setting] of rules)
          demand(/^[A-Z0-9_]+$/.test(setting) && setting.startsWith(start), `${setting} is not ${start}...`)
      },
    },
    {
      name: 'every setting says what it takes, for messages that show no value',
      async run() {
        for (const [setting, rule] of rules) {
          const words: unknown = 'description' in rule ? rule.description : undefined
          demand(typeof words === 'string' && words.trim() !== '', `${setting} has no description.`)
          demandNoSecret(subject, `the description of ${setting}`, words)
        }
      },
    },
    {
      name: 'the settings of the subject are accepted',
      async run() {
        const broken = Value.Errors(env, settings).map(({ instancePath, message }) => [instancePath, message])
        demandSame(broken, [], 'They break rules.')
      },
    },
    {
      name: 'no setting goes by a default that would be refused',
      async run() {
        for (const [setting, rule] of rules) {
          if (!hasDefault(rule)) continue
          const value = Value.Default(rule, undefined)
          demand(Value.Check(rule, value), `The default of ${setting} breaks its own rule.`)
        }
      },
    },
    {
      name: 'a setting that is missing is refused, unless it may be',
      async run() {
        for (const [setting] of rules) {
          if (isOptional(setting)) continue
          demand(!Value.Check(env, without(setting)), `Without ${setting} the settings are accepted.`)
        }
      },
    },
    {
      name: 'no setting takes whatever it is given',
      async run() {
        for (const [setting] of rules)
          for (const odd of [null, Symbol.for('odd'), () => 1])
            demand(!Value.Check(env, { ...settings, [setting]: odd }), `${setting} takes ${String(odd)}.`)
      },
    },
    {
      name: 'a secret is never a default',
      run: async () => demandNoSecret(subject, 'the schema of the settings', env),
    },
    {
      name: 'what shares one budget of calls has a short name, the same every time, without a secret',
      async run() {
        const gate = definition.gateOf(settings)
        demand(typeof gate === 'string' && /^[\x21-\x7e]{1,300}$/.test(gate), `${show(gate)} is no name.`)
        demandSame(definition.gateOf({ ...settings }), gate, 'It is called otherwise the second time.')
        demandNoSecret(subject, 'the name of the gate', gate)
      },
    },
    {
      name: 'its limits let calls through, and let an upstream rest that fails',
      async run() {
        const { calls, windowMs, pauseMs } = definition.limitsOf(settings)
        demand(Number.isInteger(calls) && calls >= 1 && calls <= 1000, `${calls} calls at once are odd.`)
        demand(windowMs >= 1 && windowMs <= 60_000, `A window of ${windowMs} ms is odd.`)
        demand(pauseMs >= 1 && pauseMs <= 600_000, `A pause of ${pauseMs} ms is odd.`)
      },
    },
    {
      name: 'it can do something, and nothing that the house does not know',
      async run() {
        const { capabilities } = createProbe(subject)
        const own = Object.entries(capabilities).filter(([, one]) => one !== undefined)
        demand(own.length > 0, 'It has no capability.')
        for (const [one] of own) demand(known.includes(one), `${show(one)} is no capability.`)
      },
    },
    {
      name: 'being made it calls nobody, takes no turn and says nothing',
      async run() {
        const { calls, turns, lines } = createProbe(subject)
        await Promise.resolve()
        demandSame([calls.length, turns.length, lines.length], [0, 0, 0], 'It has done something.')
      },
    },
    {
      name: 'it can be made with the settings that it cannot do without',
      async run() {
        demand(Value.Check(env, least()), 'The settings that it needs are not enough.')
        const { capabilities } = createProbe(subject, { settings: least() })
        demand(Object.values(capabilities).some(Boolean), 'It can do nothing then.')
      },
    },
    {
      name: 'settings stay as they are',
      async run() {
        const before = structuredClone(settings)
        createProbe(subject)
        definition.gateOf(settings)
        definition.limitsOf(settings)
        demandSame(settings, before, 'It has changed them.')
      },
    },
    {
      name: 'whatever is posted to it has a path of its own and a summary for the documentation',
      async run() {
        const { webhook, signUpHook, feed } = createProbe(subject).capabilities
        const posted = [webhook, signUpHook, feed].filter((one) => one !== undefined)
        for (const { path, summary } of posted) {
          demand(/^(\/[a-z0-9-]+)+$/.test(path), `${show(path)} is no path.`)
          demand(summary.trim() !== '', `${path} has no summary.`)
        }
        demandSame(new Set(posted.map(({ path }) => path)).size, posted.length, 'Two have one path.')
      },
    },
    {
      name: 'events that are opt-in name the setting that they are verified by',
      async run() {
        const { webhook } = createProbe(subject).capabilities
        const { webhookSecret } = definition
        if (webhook?.isOptIn) demand(webhookSecret !== undefined, 'webhookSecret is missing.')
        if (webhookSecret === undefined) return
        demand(Object.hasOwn(env.properties, webhookSecret), `${webhookSecret} is no setting.`)
        demand(isOptional(webhookSecret), `${webhookSecret} is needed even by those who take no events.`)
      },
    },
  ]
}
