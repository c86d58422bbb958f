/** JSON Schema of `pypaas.yml`. */
import { appsSchema, artifactsSchema, fleetSchema } from './schema-artifacts.ts'

const port = { type: 'integer', minimum: 1, maximum: 65535 } as const

export const mainSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'pypaas.yml',
  description: 'Settings of the whole host.',
  type: 'object',
  additionalProperties: false,
  required: ['ports'],
  properties: {
    ports: {
      title: 'Ports',
      description: 'Range of local ports that the processes behind nginx get; both ends are used.',
      type: 'object',
      additionalProperties: false,
      required: ['min', 'max'],
      properties: {
        min: { title: 'First port', description: 'Lowest port of the range.', ...port },
        max: { title: 'Last port', description: 'Highest port of the range.', ...port },
      },
    },
    runner_runscript_template: {
      title: 'Run script',
      description:
        'Template of the script that starts a process under daemontools. Mustache; the placeholders {checkout.path}, {env_cmds} and {cmd} are understood too.',
      type: 'string',
      minLength: 1,
    },
    runner_logscript_template: {
      title: 'Log script',
      description:
        'Template of the script that takes the output of a process. Default: multilog with bounded size.',
      type: 'string',
      minLength: 1,
    },
    deploy_logger_cmd: {
      title: 'Deploy logger',
      description:
        'Shell command that gets a copy of all output of a deploy on its standard input. Default: none. Its failure never fails a deploy.',
      type: 'string',
      minLength: 1,
    },
    ssl_config: {
      title: 'TLS settings',
      description:
        'nginx directives for every domain with ssl, instead of the TLS profile that comes with pypaas. {domain} stands for the name of the domain.',
      type: 'string',
    },
    ssh: {
      title: 'Embedded SSH server',
      description:
        'SSH server of `pypaas serve`. Without this key it is not started and pushes come through OpenSSH.',
      type: 'object',
      additionalProperties: false,
      required: ['listen'],
      properties: {
        listen: {
          title: 'Address',
          description: 'Port, host:port or [IPv6 address]:port to listen on.',
          type: ['string', 'integer'],
        },
      },
    },
    services: {
      title: 'Services',
      description: 'Who runs the processes.',
      type: 'object',
      additionalProperties: false,
      properties: {
        mode: {
          title: 'Mode',
          description: 'managed: `pypaas serve` runs svscan. external: daemontools-run does.',
          enum: ['managed', 'external'],
          default: 'managed',
        },
      },
    },
    nginx: {
      title: 'nginx',
      description: 'Which nginx serves the domains, and where it listens.',
      type: 'object',
      additionalProperties: false,
      properties: {
        mode: {
          title: 'Mode',
          description:
            "managed: an nginx of pypaas' own. system: the host's nginx, tested and reloaded through sudo. none: no nginx.",
          enum: ['managed', 'system', 'none'],
          default: 'managed',
        },
        switch: {
          title: 'Switch',
          description:
            "How a deploy's processes get nginx's requests. lua: without a reload, by nginx's Lua module. reload: by changed files. auto: lua where nginx has the module.",
          enum: ['auto', 'lua', 'reload'],
          default: 'auto',
        },
        http: {
          title: 'HTTP address',
          description: 'Port, host:port or [IPv6 address]:port of plain HTTP.',
          type: ['string', 'integer'],
          default: 80,
        },
        https: {
          title: 'HTTPS address',
          description: 'Port, host:port or [IPv6 address]:port of HTTPS.',
          type: ['string', 'integer'],
          default: 443,
        },
      },
    },
    releases: {
      title: 'Releases',
      description: 'What is kept of former deploys.',
      type: 'object',
      additionalProperties: false,
      properties: {
        keep: {
          title: 'Kept releases',
          description: 'How many releases a branch keeps, with the live one.',
          type: 'integer',
          minimum: 1,
          default: 5,
        },
      },
    },
    builds: {
      title: 'Builds',
      description: 'Limits of builds.',
      type: 'object',
      additionalProperties: false,
      properties: {
        timeout: {
          title: 'Time limit',
          description: 'Seconds that a build may take.',
          type: 'number',
          exclusiveMinimum: 0,
          maximum: 2_000_000,
          default: 1800,
        },
        parallel: {
          title: 'Builds at once',
          description: 'How many builds may run at the same time; others wait.',
          type: 'integer',
          minimum: 1,
          maximum: 64,
          default: 2,
        },
      },
    },
    disk: {
      title: 'Disk',
      description: 'Limits of what pypaas takes.',
      type: 'object',
      additionalProperties: false,
      properties: {
        min_free: {
          title: 'Free space',
          description:
            'Space that has to be free before a build: a number of bytes, or with a unit as in 500MiB.',
          type: ['string', 'integer'],
          default: '500MiB',
        },
        max: {
          title: 'Largest size',
          description:
            'Space that checkouts, logs and caches may take together before old releases are removed: a number of bytes, or with a unit as in 20GiB.',
          type: ['string', 'integer'],
          default: '20GiB',
        },
      },
    },
    watch: {
      title: 'Watch',
      description: 'What is done about a new release that fails after it went live.',
      type: 'object',
      additionalProperties: false,
      properties: {
        seconds: {
          title: 'Time',
          description:
            'Seconds after a deploy in which the former release is put back if the processes of the new one end repeatedly; 0: never.',
          type: 'number',
          minimum: 0,
          maximum: 86_400,
          default: 10,
        },
      },
    },
    git: {
      title: 'git',
      description: 'Limits of pushes.',
      type: 'object',
      additionalProperties: false,
      properties: {
        max_push: {
          title: 'Largest push',
          description: 'Size that one push may have: a number of bytes, or with a unit as in 500MiB or 1GiB.',
          type: ['string', 'integer'],
          default: '1GiB',
        },
      },
    },
    fleet: fleetSchema,
    artifacts: artifactsSchema,
    apps: appsSchema,
    drain_timeout: {
      title: 'Drain timeout',
      description:
        'Seconds that the old processes get after a deploy to finish the requests which they have begun.',
      type: 'number',
      minimum: 0,
      maximum: 2_000_000,
      default: 30,
    },
  },
} as const
