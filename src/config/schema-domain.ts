/** JSON Schema of `domains/<domain>.yml`. */

const runnerRef = {
  type: 'object',
  additionalProperties: false,
  required: ['repo', 'branch', 'runner'],
  properties: {
    repo: { title: 'Repo', description: 'Name of a repo.', type: 'string' },
    branch: { title: 'Branch', description: 'Name of a branch of that repo.', type: 'string' },
    runner: { title: 'Runner', description: 'Name of a runner of that branch.', type: 'string' },
  },
} as const

export const domainSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'domains/<domain>.yml',
  description: 'One nginx virtual host: the file without .yml is its name.',
  type: 'object',
  additionalProperties: false,
  required: ['locations'],
  properties: {
    locations: {
      title: 'Locations',
      description:
        'What is shown where: nginx locations such as /, = /exact or ~ \\.png$, each with its runner.',
      type: 'object',
      additionalProperties: {
        title: 'Location',
        description: 'What this location shows.',
        type: 'object',
        additionalProperties: false,
        required: ['upstream'],
        properties: {
          upstream: { title: 'Upstream', description: 'The runner that answers.', ...runnerRef },
          maintenance_upstream: {
            title: 'Maintenance upstream',
            description:
              'The runner that answers while the other is in maintenance. Default: a page with status 503.',
            ...runnerRef,
          },
        },
      },
    },
    ssl: {
      title: 'TLS',
      description: 'Serve the domain by HTTPS and redirect plain HTTP to it.',
      type: 'boolean',
      default: false,
    },
    ssl_certificate: {
      title: 'Certificate',
      description:
        'File with the certificate and its intermediates. {domain} stands for the name of the domain.',
      type: 'string',
      default: '/etc/ssl/private/httpd/{domain}/{domain}.crt',
    },
    ssl_certificate_key: {
      title: 'Private key',
      description: 'File with the private key of the certificate.',
      type: 'string',
      default: '/etc/ssl/private/httpd/{domain}/{domain}.key',
    },
    ssl_certificate_chain: {
      title: 'Trusted chain',
      description:
        'File with the CA certificates that verify OCSP responses; OCSP stapling is on if it exists.',
      type: 'string',
      default: '/etc/ssl/private/httpd/{domain}/trusted_chain.crt',
    },
    nginx_http_extra_config: {
      title: 'HTTP settings',
      description: 'nginx directives for the server block of plain HTTP.',
      type: 'string',
      default: '',
    },
    nginx_https_extra_config: {
      title: 'HTTPS settings',
      description: 'nginx directives for the server block of HTTPS.',
      type: 'string',
      default: '',
    },
    extra_listen_options: {
      title: 'Listen options',
      description: 'Appended to every listen directive of the domain, for example proxy_protocol.',
      type: 'string',
      default: '',
    },
  },
} as const
