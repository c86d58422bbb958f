/** The files of `templates/`, which come with pypaas, whether it runs bundled or from its sources. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Path of a template. Both `dist/` and `src/` lie beside `templates/`. */
export function templatePath(name: string): string {
  return fileURLToPath(new URL(`../templates/${name}`, import.meta.url))
}

/** Text of a template, for example `nginx/domain.conf.mustache`. */
export function readTemplate(name: string): string {
  return readFileSync(templatePath(name), 'utf8')
}
