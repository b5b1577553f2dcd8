// SPDX-License-Identifier: Apache-2.0
/** Reads every source: no class that is given to a component contradicts one of the component's own. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { twMerge } from 'tailwind-merge'
import ts from 'typescript'
import { expect, test } from 'vitest'

interface Use {
  readonly place: string
  readonly component: string
  readonly classes: readonly string[]
}

const SOURCES = fileURLToPath(new URL('../..', import.meta.url))

function textsIn(node: ts.Node, constants: ReadonlyMap<string, readonly string[]>): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text]
  if (ts.isIdentifier(node)) return [...(constants.get(node.text) ?? [])]
  return node.getChildren().flatMap((child) => textsIn(child, constants))
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, (child) => visit(child, see))
}

const parsed = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.tsx'))
  .map((name) => ts.createSourceFile(name, readFileSync(`${SOURCES}/${name}`, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX))

/** Class texts of constants such as `inputStyle` and `buttonStyle`, by name. */
function constantsOf(sources: readonly ts.SourceFile[]): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const source of sources) {
    for (const statement of source.statements.filter(ts.isVariableStatement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (initializer && ts.isIdentifier(name)) found.set(name.text, textsIn(initializer, new Map()))
      }
    }
  }
  return found
}

/** Classes of components that take others' by `cn(…, className)`, by the component's name. */
function ownClasses(sources: readonly ts.SourceFile[]): Map<string, string[]> {
  const constants = constantsOf(sources)
  const found = new Map<string, string[]>()
  for (const component of sources.flatMap((source) => source.statements.filter(ts.isFunctionDeclaration))) {
    visit(component, (node) => {
      if (!ts.isCallExpression(node) || node.expression.getText() !== 'cn' || !/lassName/.test(node.getText())) return
      const name = component.name?.text ?? ''
      found.set(name, [...(found.get(name) ?? []), ...node.arguments.flatMap((one) => textsIn(one, constants))])
    })
  }
  return found
}

function usesIn(source: ts.SourceFile): Use[] {
  const found: Use[] = []
  visit(source, (node) => {
    if (!ts.isJsxAttribute(node) || !/lassName$/.test(node.name.getText()) || !node.initializer) return
    const component = node.parent.parent.tagName.getText()
    found.push({ place: `${source.fileName}: ${component}`, component, classes: textsIn(node.initializer, new Map()) })
  })
  return found
}

/** Which of `own` classes those of a user contradict. */
function contradicted(own: string, given: string): string[] {
  const repeated = new Set(given.split(/\s+/))
  const merged = twMerge(`${own} ${given}`).split(' ')
  return own.split(/\s+/).filter((name) => name !== '' && !merged.includes(name) && !repeated.has(name))
}

test('what a user changes of a component is weak', () => {
  const own = ownClasses(parsed)
  const wrong = parsed.flatMap(usesIn).flatMap(({ place, component, classes }) =>
    (own.get(component) ?? []).flatMap((text) => classes.flatMap((given) => contradicted(text, given).map((name) => `${place} changes ${name} by “${given}”`))),
  )

  expect([...own.keys()]).toEqual(expect.arrayContaining(['Button', 'Card', 'Select', 'Skeleton', 'Td']))
  expect(wrong).toEqual([])
})

test('a contradiction is found, a weak class and a repeated one are none', () => {
  expect(contradicted('h-4 rounded-md', 'h-9 w-full')).toEqual(['h-4'])
  expect(contradicted('weak:h-4 rounded-md', 'h-9 rounded-md')).toEqual([])
})
