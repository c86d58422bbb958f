/** The programs that are needed, for what, and which packages bring them. Data only. */

/**
 * @typedef {'start' | 'test' | 'bench'} Purpose
 *
 * @typedef {object} Requirement
 * @property {Purpose} purpose
 * @property {string} name as a person calls it
 * @property {readonly string[]} [programs] each must be found
 * @property {RegExp} [file] some file in `directory` must have such a name
 * @property {string} [directory]
 * @property {readonly string[]} [check] a command that must succeed
 * @property {readonly string[]} debian
 * @property {readonly string[]} brew none: macOS has it, or there is no such formula
 * @property {readonly string[]} [units] services that Debian starts when it installs the package
 * @property {true} [optional] done without where the system has no such package
 */

/** @type {readonly Requirement[]} */
export const requirements = [
  {
    purpose: 'start',
    name: 'nginx',
    programs: ['nginx'],
    debian: ['nginx'],
    brew: ['nginx'],
    units: ['nginx'],
  },
  {
    purpose: 'start',
    name: "nginx's Lua module",
    directory: '/usr/lib/nginx/modules',
    file: /^ngx_http_lua_module\.so$/,
    debian: ['libnginx-mod-http-lua'],
    brew: [],
    optional: true,
  },
  {
    purpose: 'start',
    name: 'lua-resty-core',
    directory: '/usr/share/lua/5.1/resty',
    file: /^core\.lua$/,
    debian: ['lua-resty-core'],
    brew: [],
    optional: true,
  },
  {
    purpose: 'start',
    name: 'daemontools',
    programs: ['svscan', 'supervise', 'multilog', 'setlock', 'pgrphack'],
    debian: ['daemontools'],
    brew: ['daemontools'],
  },
  {
    purpose: 'start',
    name: 'the OpenSSH client',
    programs: ['ssh', 'ssh-keygen'],
    debian: ['openssh-client'],
    brew: ['openssh'],
  },
  { purpose: 'start', name: 'git', programs: ['git'], debian: ['git'], brew: ['git'] },
  { purpose: 'start', name: 'flock', programs: ['flock'], debian: ['util-linux'], brew: ['flock'] },
  {
    purpose: 'test',
    name: 'the OpenSSH server',
    programs: ['sshd'],
    debian: ['openssh-server'],
    brew: ['openssh'],
    units: ['ssh', 'ssh.socket'],
  },
  {
    purpose: 'test',
    name: 'Python with venv',
    // On Debian the module is there without the packages that it unpacks.
    check: ['python3', '-c', 'import ensurepip, venv'],
    debian: ['python3', 'python3-venv'],
    brew: ['python'],
  },
  { purpose: 'test', name: 'uwsgi', programs: ['uwsgi'], debian: ['uwsgi-core'], brew: ['uwsgi'] },
  {
    purpose: 'test',
    name: "uwsgi's Python plugin",
    directory: '/usr/lib/uwsgi/plugins',
    file: /^python3.*_plugin\.so$/,
    debian: ['uwsgi-plugin-python3'],
    brew: [],
  },
  {
    purpose: 'test',
    name: 'etcd',
    programs: ['etcd'],
    debian: ['etcd-server'],
    brew: ['etcd'],
    units: ['etcd'],
  },
  { purpose: 'test', name: 'bzip2', programs: ['bzip2'], debian: ['bzip2'], brew: [] },
  { purpose: 'test', name: 'openssl', programs: ['openssl'], debian: ['openssl'], brew: ['openssl'] },
  { purpose: 'test', name: 'visudo', programs: ['visudo'], debian: ['sudo'], brew: [] },
  {
    purpose: 'test',
    name: "Ceph's S3 gateway",
    programs: ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph'],
    debian: ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'],
    brew: [],
    units: ['ceph-mon.target', 'ceph-osd.target', 'ceph-radosgw.target', 'ceph.target'],
    optional: true,
  },
  { purpose: 'bench', name: 'wrk', programs: ['wrk'], debian: ['wrk'], brew: ['wrk'] },
  {
    purpose: 'bench',
    name: 'ApacheBench',
    programs: ['ab'],
    debian: ['apache2-utils'],
    brew: ['httpd'],
  },
  { purpose: 'bench', name: 'a C compiler', programs: ['cc'], debian: ['gcc', 'libc6-dev'], brew: [] },
  { purpose: 'bench', name: 'h2load', programs: ['h2load'], debian: ['nghttp2-client'], brew: ['nghttp2'] },
]
