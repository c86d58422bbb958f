/** JSON Schemas of a runner in `repos/<repo>.yml`, one a type. */

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

export const runners = [nginxBackend, nginxStatic, simpleProcess, uwsgiNginxBackend] as const
