#!/usr/bin/env node
/** argv → command. The only place that ends the process. */
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import { localSession } from './commands/session.ts'
import { runRequest } from './commands/run-request.ts'

async function main(): Promise<void> {
  // What pypaas writes for nginx's workers must be readable to them; what is secret says so itself.
  process.umask(0o022)
  const home = process.env['PYPAAS_HOME']
  const config = process.env['PYPAAS_CONFIG']
  const host = { ...(home ? { home } : {}), ...(config ? { config } : {}) }
  const program = [process.execPath, fileURLToPath(import.meta.url)]
  const session = localSession(userInfo().username, program, host)
  process.exitCode = await runRequest(process.argv.slice(2), session, host)
  session.end()
}

void main()
