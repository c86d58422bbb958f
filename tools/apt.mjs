/** What apt-get is asked to do, as shell text. Pure. */

/**
 * The command for a person to type.
 * @param {readonly string[]} packages
 */
export function aptCommand(packages) {
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

/**
 * A script for root's `sh` that installs the packages and starts none of their services.
 *
 * Debian starts (and at every boot starts again) the server of a package that
 * it installs. We need the programs only, and a person who tries the quick start
 * wants no nginx on port 80 for that. So for as long as apt-get runs a
 * policy-rc.d (invoke-rc.d(8), deb-systemd-invoke(1p)) denies these units, and then
 * they are disabled. A policy-rc.d that is there already is left alone, and so
 * are units of packages that were installed before. Ours is void when its
 * process is gone, should it be left behind by a power cut.
 * @param {object} wanted
 * @param {readonly string[]} wanted.required
 * @param {readonly string[]} wanted.optional their absence is no failure
 * @param {readonly string[]} wanted.units
 * @param {boolean} wanted.updateFirst
 * @param {string} [wanted.policy] where the system looks for its policy
 */
export function aptScript({ required, optional, units, updateFirst, policy = '/usr/sbin/policy-rc.d' }) {
  const patterns = units.flatMap((unit) => (unit.includes('.') ? [unit] : [unit, `${unit}.service`]))
  const all = [...required, ...optional].join(' ')
  const attempts = [`install ${all}`]
  if (!updateFirst) attempts.push(`{ update; install ${all}; }`)
  if (optional.length > 0) attempts.push(required.length > 0 ? `install ${required.join(' ')}` : 'true')
  return `set -u
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
policy='${policy}'
update() { apt-get -q -o DPkg::Lock::Timeout=300 update || true; }
install() { apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"; }
${units.length === 0 ? '' : deny(patterns)}${updateFirst ? 'update\n' : ''}${attempts.join(' ||\n  ')} || exit 1
${units.length === 0 ? '' : disable(units)}`
}

/** @param {readonly string[]} patterns */
function deny(patterns) {
  return `if [ ! -e "$policy" ] || grep -q 'by pypaas while apt-get runs' "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  cat >"$policy" <<END
#!/bin/sh
# Put here by pypaas while apt-get runs, so that what it installs is not started.
[ -d /proc/$$ ] || exit 0
case "\\$1" in ${patterns.join('|')}) exit 101 ;; esac
exit 0
END
  chmod 755 "$policy"
  denied=yes
else
  denied=no
fi
`
}

/** @param {readonly string[]} units */
function disable(units) {
  return `if [ "$denied" = yes ]; then
  for unit in ${units.join(' ')}; do
    if [ -d /run/systemd/system ]; then
      systemctl disable --quiet "$unit" 2>/dev/null || true
    else
      update-rc.d "$unit" disable >/dev/null 2>&1 || true
    fi
  done
  echo 'Installed, but neither started nor enabled: ${units.join(', ')}.'
fi
`
}
