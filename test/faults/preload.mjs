/**
 * Loaded into the shipped program by `node --import`: ends it, or makes a call into the system fail, at a point that
 * the test names. It stands at the edge, around node's own functions, so that the program itself knows nothing of it.
 *
 * `PYPAAS_FAULT` holds JSON:
 * - `command`: a word of the command line of the process that is meant; others are left alone
 * - `note`, `when`: kill `before` or `after` the journal's record says so (see `labelOf`)
 * - `from`, `call`: kill at the call of that number, counted from the first that has `from` in its path
 * - `file`, `bytes`: kill once so many bytes were written to files that have `file` in their path
 * - `errno`: fail with this instead of killing; `lasting`: and so do all later calls that write
 * - `count`: write the number of counted calls to this file when the process ends
 * - `clock`: seconds by which the clock is wrong
 */
import childProcess from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const fault = JSON.parse(process.env['PYPAAS_FAULT'] ?? '{}')
if (process.argv.includes(fault.command)) {
  if (fault.clock !== undefined) setClock(fault.clock)
  else if (fault.note !== undefined) atNote(fault.note, fault.when)
  else if (fault.bytes !== undefined) atBytes(fault.file, fault.bytes)
  else atCall(fault)
  syncBuiltinESMExports()
}

function setClock(seconds) {
  const Right = Date
  globalThis.Date = class extends Right {
    constructor(...given) {
      super(...(given.length === 0 ? [Right.now() + seconds * 1000] : given))
    }
    static now() {
      return Right.now() + seconds * 1000
    }
  }
}

function kill() {
  process.kill(process.pid, 'SIGKILL')
}

/** What a record of the journal says newly when it is written: `begin build`, `switched`, `over`. */
function labelOf(record) {
  if (record.result !== 'running') return 'over'
  if (record.switched) return 'switched'
  return `begin ${record.phases.at(-1)?.name}`
}

function atNote(note, when) {
  const isMeant = (path, readText) =>
    /\/deploys\/[^/]+\.json$/.test(path) && labelOf(JSON.parse(readText())) === note
  const rename = fs.renameSync
  fs.renameSync = (from, to) => {
    const meant = isMeant(to, () => fs.readFileSync(from, 'utf8'))
    if (meant && when === 'before') kill()
    rename(from, to)
    if (meant) kill()
  }
  const append = fs.appendFileSync
  fs.appendFileSync = (path, text, ...rest) => {
    const meant = isMeant(path, () => text)
    if (meant && when === 'before') kill()
    append(path, text, ...rest)
    if (meant) kill()
  }
}

function atBytes(file, bytes) {
  const open = fs.promises.open
  let written = 0
  fs.promises.open = async (path, ...rest) => {
    const handle = await open(path, ...rest)
    if (reads('open', rest[0], path) || !String(path).includes(file)) return handle
    const writeFile = handle.writeFile.bind(handle)
    handle.writeFile = async (data, ...more) => {
      await writeFile(data, ...more)
      written += Buffer.byteLength(data)
      if (written >= bytes) kill()
    }
    return handle
  }
}

function reads(name, flags, path) {
  if (!name.startsWith('open')) return false
  // The FIFO only tells whether somebody reads it (svok(8)); how often it is asked is up to the machine.
  return flags === undefined || flags === 'r' || String(path).endsWith('/supervise/ok')
}

/** Calls that change something, by what of them is the path. */
function atCall({ from, call, errno, lasting, count }) {
  const writing = ['writeFile', 'mkdir', 'symlink', 'open', 'appendFile', 'link']
  const removing = ['rename', 'rm', 'unlink']
  let counted = from === undefined ? 0 : -1
  const due = (name, path) => {
    // Descriptors of what is only read are not counted.
    if (counted < 0 && String(path).includes(from)) counted = 0
    if (counted < 0) return false
    counted++
    return lasting ? counted >= call && !removing.includes(name.replace('Sync', '')) : counted === call
  }
  const fail = (name, path) => {
    if (errno === undefined) kill()
    return Object.assign(new Error(`${errno}: injected, ${name} '${path}'`), {
      code: errno,
      errno: -1,
      syscall: name,
      path,
    })
  }
  for (const name of [...writing, ...removing]) {
    const promised = fs.promises[name]
    fs.promises[name] = (path, ...rest) => {
      if (!reads(name, rest[0], path) && due(name, path)) return Promise.reject(fail(name, path))
      return promised(path, ...rest)
    }
    const sync = fs[`${name}Sync`]
    fs[`${name}Sync`] = (path, ...rest) => {
      if (!reads(name, rest[0], path) && due(`${name}Sync`, path)) throw fail(name, path)
      return sync(path, ...rest)
    }
  }
  const spawn = childProcess.spawn
  childProcess.spawn = (program, ...rest) => {
    if (errno === undefined && due('spawn', program)) kill()
    return spawn(program, ...rest)
  }
  if (count !== undefined) process.on('exit', () => fs.writeFileSync(count, String(counted)))
}
