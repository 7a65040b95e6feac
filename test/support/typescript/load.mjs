import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const folder = new URL('../../../.data/test/javascript/', import.meta.url)

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) return nextLoad(url, context)
  const text = await readFile(new URL(url), 'utf8')
  const name = createHash('sha256').update(url).update(text).digest('hex')
  const kept = new URL(`${name}.js`, folder)
  const source = await readFile(kept, 'utf8').catch(() => make(url, text, kept))
  return { format: 'module', source, shortCircuit: true }
}

async function make(url, text, kept) {
  const { default: ts } = await import('typescript')
  const { outputText } = ts.transpileModule(text, {
    fileName: fileURLToPath(url),
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
  })
  await mkdir(folder, { recursive: true })
  // Many processes make the same: each its own, and the last one stays.
  const draft = new URL(`${kept.href}.${process.pid}`)
  await writeFile(draft, outputText)
  await rename(draft, kept)
  return outputText
}
