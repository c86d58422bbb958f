/**
 * The validators, compiled when they are first needed. The bundler puts
 * validators that were compiled at build time in the place of this module, so it
 * holds nothing else, and nothing else imports ajv.
 */
import { Ajv } from 'ajv'
import { schemas, validatorOptions } from './schema.ts'

const ajv = new Ajv(validatorOptions)

export const validateMain = ajv.compile(schemas.main)
export const validateRepo = ajv.compile(schemas.repo)
export const validateDomain = ajv.compile(schemas.domain)
