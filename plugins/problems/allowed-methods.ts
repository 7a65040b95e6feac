export interface AllowedMethods {
  add(url: string, method: string | string[]): void
  /** The methods of the routes at a path, sorted; empty where there is none. */
  at(path: string): string[]
}

/** Which methods each address knows, by the routes' own patterns: `/users/:id`, `/docs/*`. */
export function createAllowedMethods(): AllowedMethods {
  const routes: { segments: string[]; methods: string[] }[] = []

  return {
    add(url, method) {
      const segments = url.split('/')
      const { methods } = routes.find((route) => route.segments.join('/') === url) ?? addRoute(segments)
      methods.push(...[method].flat().map((name) => name.toUpperCase()))
    },
    at(path) {
      const segments = path.split('/')
      const found = routes.filter((route) => isMatch(route.segments, segments))
      return [...new Set(found.flatMap(({ methods }) => methods))].sort()
    },
  }

  function addRoute(segments: string[]) {
    const route = { segments, methods: [] as string[] }
    routes.push(route)
    return route
  }
}

function isMatch(pattern: string[], segments: string[]): boolean {
  const rest = pattern.indexOf('*')
  if (rest === -1 ? segments.length !== pattern.length : segments.length < pattern.length) return false
  return pattern
    .slice(0, rest === -1 ? undefined : rest)
    .every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]))
}
