/** The templates of nginx's files, and how they are filled in. */
import Mustache from 'mustache'
import { readTemplate } from '../templates.ts'
import { nginxQuote } from './quote.ts'

const NAMES = ['shared', 'upstreams', 'domain', 'server', 'tls', 'certificate', 'location'] as const

export type Templates = Readonly<Record<(typeof NAMES)[number] | 'unavailablePage', string>>

export async function readTemplates(): Promise<Templates> {
  const entries = await Promise.all(
    NAMES.map(async (name) => [name, await readTemplate(`nginx/${name}.mustache`)] as const),
  )
  return {
    ...(Object.fromEntries(entries) as Record<(typeof NAMES)[number], string>),
    unavailablePage: await readTemplate('nginx/503.html'),
  }
}

/** Fills in a template: `{{value}}` becomes one parameter of nginx, `{{{text}}}` stands as it is. Pure. */
export function fill(template: string, view: object): string {
  return Mustache.render(template, view, undefined, { escape: (value) => nginxQuote(String(value)) })
}
