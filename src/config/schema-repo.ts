/** JSON Schema of `repos/<repo>.yml`. */
import { runners } from './schema-runner.ts'

const commands = {
  type: ['string', 'array'],
  minLength: 1,
  minItems: 1,
  items: { type: 'string', minLength: 1 },
} as const

export const repoSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'repos/<repo>.yml',
  description: 'One repo: the file without .yml is its name.',
  type: 'object',
  additionalProperties: false,
  required: ['branches'],
  properties: {
    branches: {
      title: 'Branches',
      description: 'Branches that can be pushed to, by name. Each is deployed on its own.',
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        title: 'Branch',
        description: 'What becomes of this branch.',
        type: 'object',
        additionalProperties: false,
        required: ['runners'],
        properties: {
          source: {
            title: 'Source',
            description:
              'Where `pypaas serve` gets the files of this branch from, in the place of pushes, which are refused then.',
            type: 'object',
            additionalProperties: false,
            required: ['remote'],
            properties: {
              remote: {
                title: 'Remote',
                description:
                  'user@host:org/app.git/directory#branch, git+ssh://, git+https:// or git+http:// likewise, or the absolute path of a repository; the URL of a .zip or .tar.gz; s3://bucket/key; artifact:app/target.',
                type: 'string',
                minLength: 1,
              },
              schedule: {
                title: 'Schedule',
                description:
                  'When to look for something new: a schedule of cron, of five fields or of six, the first being seconds. Default: every 60 seconds.',
                type: 'string',
                minLength: 1,
              },
            },
          },
          runners: {
            title: 'Runners',
            description: 'What makes the code useful, by name; domains refer to these names.',
            type: 'object',
            additionalProperties: {
              title: 'Runner',
              description: 'Processes or files of the branch.',
              type: 'object',
              required: ['type'],
              discriminator: { propertyName: 'type' },
              oneOf: runners,
            },
          },
          env: {
            title: 'Environment',
            description:
              'Environment variables of builds, hooks, custom commands and processes. Values are taken as they are written. Processes behind nginx get PORT besides.',
            type: 'object',
            additionalProperties: { type: ['string', 'number', 'boolean'] },
            default: {},
          },
          hooks: {
            title: 'Hooks',
            description: 'Shell commands at the stages of a deploy: one, or a list that is run in order.',
            type: 'object',
            additionalProperties: false,
            default: {},
            properties: {
              before_build: {
                title: 'Before the build',
                description: 'Run in the fresh checkout.',
                ...commands,
              },
              build: { title: 'Build', description: 'Run instead of the builders.', ...commands },
              after_build: {
                title: 'After the build',
                description: 'Run when all builders are done.',
                ...commands,
              },
              maintenance: {
                title: 'Maintenance',
                description:
                  'Run between the stop of the old processes and the start of the new ones. Without it a deploy has no downtime.',
                ...commands,
              },
              after_deploy: {
                title: 'After the deploy',
                description: 'Run when the new release is live.',
                ...commands,
              },
            },
          },
          custom_cmds: {
            title: 'Custom commands',
            description:
              'Shell commands by name, for `ssh deploy@host custom_cmds <repo> <branch> <name>`; they run in the live checkout.',
            type: 'object',
            additionalProperties: commands,
            default: {},
          },
        },
      },
    },
  },
} as const
