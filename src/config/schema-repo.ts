/** JSON Schema of `repos/<repo>.yml`. */

const commands = {
  type: ['string', 'array'],
  minLength: 1,
  minItems: 1,
  items: { type: 'string', minLength: 1 },
} as const

const nginxText = {
  nginx_extra_config: {
    title: 'Location settings',
    description: 'nginx directives for every location that shows this runner.',
    type: 'string',
  },
} as const

const upstreamText = {
  nginx_extra_upstream_config: {
    title: 'Upstream settings',
    description: 'nginx directives for the upstream block of this runner, for example keepalive 32;',
    type: 'string',
  },
} as const

const seconds = { type: 'number', maximum: 2_000_000 } as const

const uptime = {
  interval: {
    title: 'Interval',
    description: 'Seconds between two looks.',
    ...seconds,
    exclusiveMinimum: 0,
    default: 0.05,
  },
  timeout: {
    title: 'Timeout',
    description: 'Seconds after which a process that is not healthy fails the deploy.',
    ...seconds,
    exclusiveMinimum: 0,
    default: 30,
  },
  uptime: {
    title: 'Uptime',
    description: 'Seconds that a process without a port has to stay up to be healthy.',
    ...seconds,
    minimum: 0,
    default: 1,
  },
} as const

const health = {
  title: 'Health',
  description:
    'When a new process counts as healthy. Default: it stayed up, or its port accepts a connection.',
  type: 'object',
  additionalProperties: false,
} as const

const processKeys = {
  cmd: { title: 'Command', description: 'Shell command that is the process.', type: 'string', minLength: 1 },
  process_count: {
    title: 'Processes',
    description: 'How many processes run the command.',
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 1,
  },
  stop_timeout: {
    title: 'Stop timeout',
    description: 'Seconds between TERM and KILL when a process is stopped.',
    ...seconds,
    minimum: 0,
    default: 10,
  },
  strategy: {
    title: 'Strategy',
    description:
      'overlap: the new processes are healthy before the old ones stop. stop_first: the old ones stop before the new ones start.',
    enum: ['overlap', 'stop_first'],
    default: 'overlap',
  },
} as const

const nginxBackend = {
  title: 'NginxBackend',
  description: 'Processes that speak HTTP on the port in PORT, behind nginx.',
  type: 'object',
  additionalProperties: false,
  required: ['type', 'cmd'],
  properties: {
    type: { title: 'Type', description: 'Kind of runner.', const: 'NginxBackend' },
    ...processKeys,
    health: {
      ...health,
      properties: {
        path: {
          title: 'Path',
          description: 'HTTP path that is asked for. Default: the port accepting a connection is enough.',
          type: 'string',
        },
        status: {
          title: 'Status',
          description: 'HTTP status, or range of them, that counts as healthy.',
          type: ['string', 'integer'],
          default: '200-399',
        },
        ...uptime,
      },
    },
    nginx_proxy_path: {
      title: 'Proxy path',
      description: 'Appended to proxy_pass, for example /prefix/.',
      type: 'string',
    },
    ...nginxText,
    ...upstreamText,
  },
} as const

const uwsgiNginxBackend = {
  title: 'UwsgiNginxBackend',
  description: 'Processes that speak the uwsgi protocol on the port in PORT, behind nginx.',
  type: 'object',
  additionalProperties: false,
  required: ['type', 'cmd'],
  properties: {
    type: { title: 'Type', description: 'Kind of runner.', const: 'UwsgiNginxBackend' },
    ...processKeys,
    health: { ...health, properties: uptime },
    ...nginxText,
    ...upstreamText,
  },
} as const

const simpleProcess = {
  title: 'SimpleProcess',
  description:
    'Processes that nginx does not know of. The nginx keys are accepted and do nothing, as in pyPaaS.',
  type: 'object',
  additionalProperties: false,
  required: ['type', 'cmd'],
  properties: {
    type: { title: 'Type', description: 'Kind of runner.', const: 'SimpleProcess' },
    ...processKeys,
    health: { ...health, properties: uptime },
    ...nginxText,
    ...upstreamText,
  },
} as const

const nginxStatic = {
  title: 'NginxStatic',
  description:
    'Files that nginx serves itself. nginx_extra_upstream_config is accepted and does nothing, as in pyPaaS.',
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  properties: {
    type: { title: 'Type', description: 'Kind of runner.', const: 'NginxStatic' },
    subdirectory: {
      title: 'Subdirectory',
      description: "Directory below the checkout that is served. Default: the checkout's root.",
      type: 'string',
      default: '',
    },
    ...nginxText,
    ...upstreamText,
  },
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
              oneOf: [nginxBackend, nginxStatic, simpleProcess, uwsgiNginxBackend],
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
