/** All types of runners, by the name that the configuration uses. */
import type { RunnerConfig } from '../config/types.ts'
import { nginxBackend } from './nginx-backend.ts'
import { nginxStatic } from './nginx-static.ts'
import type { RunnerType } from './runner.ts'
import { simpleProcess } from './simple-process.ts'
import { uwsgiNginxBackend } from './uwsgi-nginx-backend.ts'

const TYPES = {
  NginxBackend: nginxBackend,
  NginxStatic: nginxStatic,
  SimpleProcess: simpleProcess,
  UwsgiNginxBackend: uwsgiNginxBackend,
}

/** The type of a configured runner. */
export function typeOf<C extends RunnerConfig>(config: C): RunnerType<C> {
  return TYPES[config.type] as unknown as RunnerType<C>
}
