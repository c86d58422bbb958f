/**
 * What the YAML files may look like: JSON Schemas, written once. The types of
 * the raw configuration are derived from them, validators are compiled from
 * them, editors get them. What a schema cannot say is in `checks-*.ts` (one
 * file) and `rules.ts` (several files).
 */
import type { FromSchema } from 'json-schema-to-ts'
import { domainSchema } from './schema-domain.ts'
import { mainSchema } from './schema-main.ts'
import { repoSchema } from './schema-repo.ts'

export const schemas = { main: mainSchema, repo: repoSchema, domain: domainSchema } as const

/** The options of ajv that the validators are compiled with, at run time and by the bundler. */
export const validatorOptions = { allErrors: true, discriminator: true, allowUnionTypes: true } as const

/** The three kinds of files. */
export type FileKind = keyof typeof schemas

/** Keys with a default may be absent: validating does not fill them in, `normalize.ts` does. */
interface AsWritten {
  keepDefaultedPropertiesOptional: true
}

export type RawMain = FromSchema<typeof mainSchema, AsWritten>
export type RawRepo = FromSchema<typeof repoSchema, AsWritten>
export type RawDomain = FromSchema<typeof domainSchema, AsWritten>

export type RawBranch = RawRepo['branches'][string]
export type RawRunner = RawBranch['runners'][string]
