/** Hundreds of branches that do nothing: a tiny program in C, deployed from bare repositories by `rebuild`. */
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { pathsOf } from '../src/paths.ts'
import type { BenchHost } from './host.ts'

/** Listens on $PORT and says its name to whoever connects, so that it is healthy and costs next to nothing. */
const PROGRAM = `#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
  const char *port = getenv("PORT"), *answer = "HTTP/1.0 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nidle";
  struct sockaddr_in address = {.sin_family = AF_INET};
  int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  address.sin_port = htons(port ? atoi(port) : 0);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 16)) return 1;
  for (;;) {
    int client = accept(server, 0, 0);
    if (client < 0) return 1;
    char request[4096];
    if (read(client, request, sizeof request) > 0) (void)!write(client, answer, strlen(answer));
    close(client);
  }
}
`

/** Rebuilds at a time: as many as build at once by default. */
const AT_ONCE = 2

export interface IdleBranches {
  /** Deploys until there are `count` of them. */
  growTo(count: number): Promise<void>
}

export async function prepareIdle(host: BenchHost): Promise<IdleBranches> {
  const directory = join(host.client, 'idle')
  await mkdir(directory)
  const program = join(directory, 'idle')
  await writeFile(`${program}.c`, PROGRAM)
  await execa('cc', ['-O', '-o', program, `${program}.c`])
  const app = await host.app('idle', () => ({ README: 'It runs a program of the host.\n' }))
  await app.next()
  const bare = join(directory, 'idle.git')
  await app.git('clone', '-q', '--bare', app.dir, bare)
  const paths = pathsOf(host.home)
  let deployed = 0
  return {
    async growTo(count) {
      const repos = Array.from({ length: Math.max(0, count - deployed) }, (_, at) => `idle-${deployed + at}`)
      for (const repo of repos) {
        await host.configureRepo(repo, { type: 'NginxBackend', cmd: program })
        await cp(bare, paths.repo(repo), { recursive: true })
      }
      const waiting = repos.values()
      const worker = async (): Promise<void> => {
        for (const repo of waiting) await host.command('embedded server', 'rebuild', repo, 'main')
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      deployed = Math.max(deployed, count)
    },
  }
}
