export type FieldType =
  | 'singleLineText'
  | 'multilineText'
  | 'email'
  | 'url'
  | 'phoneNumber'
  | 'singleSelect'
  | 'multipleSelects'
  | 'multipleRecordLinks'
  | 'checkbox'
  | 'number'
  | 'dateTime'
  | 'multipleLookupValues'
  | 'formula'
  | 'createdTime'
  | 'lastModifiedTime'

export type Field = {
  id: string
  name: string
  type: FieldType
  /** For lastModifiedTime: ids of the columns it watches; all that a user can edit, if none are named. */
  watches?: readonly string[]
}

const computed: readonly FieldType[] = ['multipleLookupValues', 'formula', 'createdTime', 'lastModifiedTime']

export function isComputed(field: Field): boolean {
  return computed.includes(field.type)
}

/** Columns are found by id or by name, both case-sensitive; an id wins over a name that looks like it. */
export function createFieldFinder(fields: readonly Field[]): (nameOrId: string) => Field | undefined {
  const found = new Map<string, Field>()
  for (const field of fields) found.set(field.name, field)
  for (const field of fields) found.set(field.id, field)
  return (nameOrId) => found.get(nameOrId)
}
