/** Who owns the token, and edits the base by hand too. Airtable shows all of this to whoever reads payloads. */
export const collaborator = {
  id: 'usrSandboxOwner01',
  email: 'owner@example.com',
  permissionLevel: 'create',
  name: 'Olga Owner',
  profilePicUrl: 'https://static.example.com/profilePics/usrSandboxOwner01.png',
} as const
