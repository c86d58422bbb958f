/** JSON Schema of what `pypaas.yml` says of artifacts, of the apps that come from them, and of the fleet that rolls them out. */

export const artifactsSchema = {
  title: 'Artifacts',
  description: 'The repository of artifacts. Default: none.',
  type: 'object',
  additionalProperties: false,
  properties: {
    store: {
      title: 'Store',
      description: 'Where it is: the absolute path of a directory, or s3://bucket/prefix.',
      type: 'string',
      minLength: 1,
    },
    allowed_signers: {
      title: 'Allowed signers',
      description:
        'Absolute path of a file as ssh-keygen(1) has it (ALLOWED SIGNERS): artifacts that none of these has signed are refused.',
      type: 'string',
      minLength: 1,
    },
    s3: {
      title: 'S3',
      description: 'How S3 is reached, for the store and for sources in S3.',
      type: 'object',
      additionalProperties: false,
      properties: {
        endpoint: {
          title: 'Endpoint',
          description: "URL of an S3 server that is not Amazon's.",
          type: 'string',
          minLength: 1,
        },
        region: { title: 'Region', description: 'Default: us-east-1.', type: 'string', minLength: 1 },
        path_style: {
          title: 'Path style',
          description:
            'Whether the bucket is in the path of the URL and not in its host name. Default: with an endpoint of your own.',
          type: 'boolean',
        },
        server_side_encryption: {
          title: 'Encryption',
          description: 'How the server encrypts what it stores.',
          enum: ['AES256', 'aws:kms'],
        },
        kms_key: {
          title: 'KMS key',
          description: 'Key for aws:kms.',
          type: 'string',
          minLength: 1,
        },
        storage_class: {
          title: 'Storage class',
          description: 'For artifacts, for example STANDARD_IA.',
          type: 'string',
          minLength: 1,
        },
        access_key: {
          title: 'Access key',
          description:
            'Default: AWS_ACCESS_KEY_ID, then accessKey in ~/.amazon/account-key, then what the AWS SDK finds.',
          type: 'string',
          minLength: 1,
        },
        secret_key: {
          title: 'Secret key',
          description: 'Belongs to access_key. Nobody else should be able to read the file then.',
          type: 'string',
          minLength: 1,
        },
        session_token: {
          title: 'Session token',
          description: 'For temporary keys.',
          type: 'string',
          minLength: 1,
        },
      },
    },
  },
} as const

export const appsSchema = {
  title: 'Apps',
  description: 'What this host says to the apps that are installed from artifacts, by the name of the app.',
  type: 'object',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    properties: {
      values: {
        title: 'Values',
        description:
          "What the app's templates (deploy/templates) name and its hooks are told: names of your choice, each with text, a number, true or false, a list or a mapping.",
        type: 'object',
        additionalProperties: {},
      },
    },
  },
} as const

export const fleetSchema = {
  title: 'Fleet',
  description:
    'How this host and others that pull the same apps take turns. Default: it does not wait for others.',
  type: 'object',
  additionalProperties: false,
  properties: {
    host: {
      title: 'Host',
      description: "Name of this host in reports; each host needs its own. Default: the host's name.",
      type: 'string',
      minLength: 1,
    },
    lock: {
      title: 'Lock',
      description: 'Where turns are had, one of the keys. Default: the store of the artifacts.',
      type: 'object',
      additionalProperties: false,
      properties: {
        etcd: {
          title: 'etcd',
          description: 'URLs of an etcd (version 3.4 or later), which may hold a user and password.',
          type: ['string', 'array'],
          minLength: 1,
          minItems: 1,
          items: { type: 'string', minLength: 1 },
        },
        s3: {
          title: 'S3',
          description: 's3://bucket/prefix, with the settings of artifacts.s3.',
          type: 'string',
          minLength: 1,
        },
        directory: {
          title: 'Directory',
          description: 'Absolute path on a file system that all hosts share.',
          type: 'string',
          minLength: 1,
        },
      },
    },
    max_unavailable: {
      title: 'Hosts at once',
      description: 'How many hosts may update at the same time; the same on all hosts.',
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 1,
    },
    turn_timeout: {
      title: 'Turn timeout',
      description: 'Seconds after which the turn of a host that is gone is free again.',
      type: 'number',
      minimum: 3,
      maximum: 86_400,
      default: 60,
    },
  },
} as const
