import type { Field } from './fields.ts'
import type { SeedRecord } from './table.ts'

/** The columns of the users' table, with the names that AIRTABLE_FIELDS has by default. */
export const userFields: readonly Field[] = [
  { id: 'fldUsersEmail0001', name: 'Email', type: 'email' },
  { id: 'fldUsersName00001', name: 'Name', type: 'singleLineText' },
  { id: 'fldUsersStatus001', name: 'Status', type: 'singleSelect' },
  { id: 'fldUsersRole00001', name: 'Role', type: 'singleSelect' },
  { id: 'fldUsersPassHash1', name: 'Password Hash', type: 'singleLineText' },
  { id: 'fldUsersModified1', name: 'Last Modified', type: 'lastModifiedTime' },
]

const createdTime = '2026-01-05T09:00:00.000Z'
const modifiedTime = '2026-06-01T12:00:00.000Z'

/** The people of the sandbox; their passwords are in its documentation, and good for nothing else. */
export const people: readonly SeedRecord[] = [
  {
    id: 'recAdaLovelace001',
    createdTime,
    modifiedTime,
    fields: {
      Email: 'ada@example.com',
      Name: 'Ada Lovelace',
      Status: 'Active',
      Role: 'Admin',
      'Password Hash': '$2b$10$khebYwJ5Ojv.tFFwGpD0rOdyrTH1M49VaKcXfPS41cmuzDkimXqxy',
    },
  },
  {
    id: 'recGraceHopper001',
    createdTime,
    modifiedTime,
    fields: {
      Email: 'Grace@Example.com',
      Name: 'Grace Hopper',
      Status: 'Active',
      Role: 'Member',
      'Password Hash':
        '$argon2id$v=19$m=19456,t=2,p=1$YqWuKBDnQM6pI/Ic988+ZA$x1f2Cqc3R5iVb5jFnHpmI2owybOhrWKvgrqYm/srSV8',
    },
  },
  {
    id: 'recAlanTuring0001',
    createdTime,
    modifiedTime,
    fields: { Email: 'alan@example.com', Name: 'Alan Turing', Status: 'Active', Role: 'Member' },
  },
  {
    id: 'recEdsgerDijkstra',
    createdTime,
    modifiedTime,
    fields: {
      Email: 'edsger@example.com',
      Name: 'Edsger Dijkstra',
      Status: 'Disabled',
      Role: 'Member',
      'Password Hash':
        '$argon2id$v=19$m=19456,t=2,p=1$GuD3CKk4HyyyALULM5G2sw$lOZJTdp1cn+e1VJ0KhMkGkO5tLQ7yHe+/hunoC/kvoU',
    },
  },
  {
    id: 'recTwinLowercase1',
    createdTime,
    modifiedTime,
    fields: {
      Email: 'twin@example.com',
      Name: 'Twin One',
      Status: 'Active',
      Role: 'Member',
      'Password Hash':
        '$argon2id$v=19$m=19456,t=2,p=1$084RTG3bfDn2vXcqP7UVbw$6EBuTsjCurLs9M1IhmjU+rqO2/rNS3IokT2nSfzcUiw',
    },
  },
  {
    id: 'recTwinUppercase1',
    createdTime,
    modifiedTime,
    fields: {
      Email: 'TWIN@example.com',
      Name: 'Twin Two',
      Status: 'Active',
      Role: 'Member',
      'Password Hash':
        '$argon2id$v=19$m=19456,t=2,p=1$IUrLBaqAOJB0rBZ0jPbgKQ$z3h38SchW23vP7uS1QPifLRbViNDoyN38W0l+JP/vZc',
    },
  },
  {
    id: 'recMaryOBrien0001',
    createdTime,
    modifiedTime,
    fields: {
      Email: "o'brien@example.com",
      Name: "Mary O'Brien",
      Status: 'Active',
      Role: 'Viewer',
      'Password Hash':
        '$argon2id$v=19$m=19456,t=2,p=1$HrU+lK/r6DCeDfrtWKUpGw$w1h6nsRJOchzBlk2W7WtdmxLUdV5AoHkWfjCTMh4yVk',
    },
  },
]
