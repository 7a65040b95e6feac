/** The escape that a client must use: every backslash first, then the quote. */
export function quote(text: string, mark: '"' | "'" = "'"): string {
  return mark + text.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`) + mark
}

/** What has broken out of somebody's formula before. */
export const injectionCorpus: readonly string[] = [
  "O'Brien",
  'x"',
  '""=""',
  "''=''",
  "' = '' , TRUE(), '",
  '") , TRUE(), ("',
  'ends with a backslash \\',
  'two of them \\\\',
  'a backslash and a quote \\"',
  "a backslash and an apostrophe \\'",
  ',',
  '}',
  '{Email}',
  'a\nnew line',
  'a\ttab',
  '\\n is not a new line',
  'ünï©ødé 🎈',
]

export const longValue = `${'a\\\'"'.repeat(4400)}b`
