/** The templates of nginx's files, and how they are filled in. */
import Mustache from 'mustache'
import { readTemplate } from '../templates.ts'
import { nginxQuote } from './quote.ts'

const NAMES = ['shared', 'upstreams', 'domain', 'server', 'tls', 'certificate', 'location'] as const

const OTHERS = { unavailablePage: 'nginx/503.html', switchCode: 'nginx/switch.lua' } as const

/** All of them, as files below `templates/`. */
export const TEMPLATE_FILES: readonly string[] = [...NAMES.map(fileOf), ...Object.values(OTHERS)]

export type Templates = Readonly<Record<(typeof NAMES)[number] | keyof typeof OTHERS, string>>

export function readTemplates(): Templates {
  const entries = NAMES.map((name) => [name, readTemplate(fileOf(name))] as const)
  return {
    ...(Object.fromEntries(entries) as Record<(typeof NAMES)[number], string>),
    unavailablePage: readTemplate(OTHERS.unavailablePage),
    switchCode: readTemplate(OTHERS.switchCode),
  }
}

function fileOf(name: string): string {
  return `nginx/${name}.mustache`
}

/** Fills in a template: `{{value}}` becomes one parameter of nginx, `{{{text}}}` stands as it is. Pure. */
export function fill(template: string, view: object): string {
  return Mustache.render(template, view, undefined, { escape: (value) => nginxQuote(String(value)) })
}
