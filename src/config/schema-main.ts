/** JSON Schema of `pypaas.yml`. */

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
    fleet: {
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
    },
    artifacts: {
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
    },
    apps: {
      title: 'Apps',
      description:
        'What this host says to the apps that are installed from artifacts, by the name of the app.',
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
    },
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
