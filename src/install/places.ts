/** Where an installation puts what is outside the home. */
export const places = {
  launcher: '/usr/local/bin/pypaas',
  daemontoolsRun: '/usr/local/lib/pypaas/daemontools-run',
  sudoers: '/etc/sudoers.d/pypaas',
  nginxInclude: '/etc/nginx/conf.d/pypaas.conf',
  stockSite: '/etc/nginx/sites-enabled/default',
  units: '/etc/systemd/system',
  services: '/etc/service',
} as const
